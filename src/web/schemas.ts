/**
 * The shapes of the API's answers, as the document shows them. The compiler holds them against the types of the answers
 * themselves (src/history/answers.ts), and a test holds what is sent against the document.
 */
import { type Static, type TSchema, type TUnsafe, Type } from 'typebox';

/** What may be sent where a schema is promised. */
export type Sent<S extends TSchema> = DeepReadonly<Static<S>>;

type DeepReadonly<T> = T extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;

/** Shapes that the document has once and refers to: the components of OpenAPI. */
export const COMPONENTS: (TSchema & { readonly $id: string })[] = [];

function component<S extends TSchema>($id: string, schema: S): TUnsafe<Static<S>> {
  COMPONENTS.push({ $id, ...schema });
  return Type.Unsafe<Static<S>>({ $ref: `${$id}#` });
}

const closed = (description: string) => ({ additionalProperties: false, description });
const maybe = <S extends TSchema>(schema: S) => Type.Optional(schema);
const Text = Type.String();
const Time = Type.String({ format: 'date-time', description: 'RFC 3339, UTC, with milliseconds' });
const Serial = Type.Integer({ minimum: 0, maximum: 0xffff_ffff });
const Count = Type.Integer({ minimum: 0 });

export const TextRecord = component(
  'Record',
  Type.Object(
    { owner: Text, ttl: Count, type: Text, data: Text },
    closed('A record, as its line in a master file has it.'),
  ),
);
const Records = Type.Array(TextRecord);

const instant = { time: Time, batch: Count };
const Instant = component('Instant', Type.Object(instant, closed('A place in the log.')));
export const VersionRef = component(
  'Version',
  Type.Object(
    { ...instant, serial: maybe(Serial), isBeforeLog: maybe(Type.Literal(true)) },
    closed('A place in the log, with the serial that the zone had there; none before its first version.'),
  ),
);

const loggedEvent = {
  ...instant,
  position: Count,
  event: Text,
  cluster: Text,
  kind: Text,
  namespace: maybe(Text),
  name: Text,
  resourceVersion: maybe(Text),
  manager: maybe(Text),
  detail: maybe(Text),
};
export const LoggedEvent = component('Event', Type.Object(loggedEvent, closed('An event of the log.')));

const FactChange = component(
  'FactChange',
  Type.Object(
    { path: Text, old: maybe(Type.Unknown()), new: maybe(Type.Unknown()) },
    closed("A member of an object's facts that an event changed. Absent values: there was none."),
  ),
);
const Cause = component(
  'Cause',
  Type.Object({ ...loggedEvent, changes: Type.Array(FactChange) }, closed('An event, and what it changed.')),
);

export const RecordValue = component(
  'RecordValue',
  Type.Object(
    {
      zone: Text,
      name: Text,
      type: Text,
      records: Records,
      from: VersionRef,
      to: maybe(VersionRef),
      removed: Records,
      added: Records,
      causes: Type.Array(Cause),
    },
    closed('What a set of records was from one version to another, and why. Without `to` it is so still.'),
  ),
);

const StanzaReason = component(
  'StanzaReason',
  Type.Object(
    {
      stanza: Type.Integer({ minimum: 1 }),
      plugin: Text,
      cluster: Text,
      verdict: Type.Enum(['has', 'denies', 'unsure', 'notAsked']),
      code: Type.Enum([
        'object',
        'noNamespace',
        'namespaceFiltered',
        'noService',
        'serviceEmpty',
        'noEndpoint',
        'noPort',
        'podsHidden',
        'noPod',
        'noAddress',
        'noHost',
        'noTarget',
        'neverResolved',
        'noSuchForm',
        'neverSynced',
        'transferred',
        'notTransferred',
        'expired',
        'earlierStanza',
        'noFallthrough',
      ]),
      text: Text,
      lost: maybe(Text),
      held: maybe(Text),
      events: Type.Array(LoggedEvent),
    },
    closed('Why one stanza of the Corefile had, or had not, a name.'),
  ),
);

export const Explanation = component(
  'Explanation',
  Type.Object(
    {
      name: Text,
      type: Text,
      at: VersionRef,
      zone: Text,
      apex: Text,
      outcome: Type.Enum(['answer', 'nodata', 'nxdomain', 'servfail', 'passedOn']),
      records: Records,
      summary: Text,
      stanzas: Type.Array(StanzaReason),
    },
    closed('From the answer to the objects that made it.'),
  ),
);

const holder = {
  cluster: Text,
  kind: Text,
  namespace: Text,
  name: Text,
  role: Type.Enum(['clusterIP', 'external', 'endpoint', 'pod']),
  service: maybe(Text),
  pod: maybe(Text),
};

const AddressHolder = component(
  'AddressHolder',
  Type.Object({ ...holder, since: maybe(LoggedEvent) }, closed('An object that had the address.')),
);

const FormerHolder = component(
  'FormerHolder',
  Type.Object({ ...holder, until: LoggedEvent }, closed('The object that had it last, and what ended that.')),
);

export const AddressAnswer = component(
  'Address',
  Type.Object(
    {
      address: Text,
      at: Instant,
      last: maybe(FormerHolder),
      holders: Type.Array(AddressHolder),
      names: Type.Array(
        Type.Object({ owner: Text, ttl: Count, type: Text, data: Text, zone: Text }, { additionalProperties: false }),
      ),
    },
    closed('Who held an address.'),
  ),
);

export const Difference = component(
  'Difference',
  Type.Object(
    {
      zone: Text,
      apex: Text,
      from: VersionRef,
      to: VersionRef,
      soaFrom: TextRecord,
      soaTo: TextRecord,
      removedCount: Count,
      addedCount: Count,
      removed: Records,
      added: Records,
      next: maybe(Text),
    },
    closed('In what two versions of a zone differ; one page of it.'),
  ),
);

export const ZoneChange = component(
  'Change',
  Type.Object(
    {
      cursor: Text,
      zone: Text,
      version: VersionRef,
      from: maybe(VersionRef),
      removedCount: Count,
      addedCount: Count,
      removed: Records,
      added: Records,
      events: Type.Array(LoggedEvent),
    },
    closed('A published version, and what it changed; the records are as many as were asked for.'),
  ),
);

export const TimelineEntry = component(
  'TimelineEntry',
  Type.Object(
    { ...instant, serial: Serial, removed: maybe(Count), added: maybe(Count) },
    closed('A version in few words. Without numbers: the first one, or the journal has dropped its change.'),
  ),
);

export const Density = component(
  'Density',
  Type.Object(
    { zone: Text, from: Time, to: Time, bucketMs: Count, versions: Count, counts: Type.Array(Count) },
    closed('How many versions a zone got in each part of a time.'),
  ),
);

const KindState = Type.Object(
  { kind: Text, state: Type.Enum(['never', 'synced', 'lost']), since: maybe(Time), reason: maybe(Text) },
  { additionalProperties: false },
);

const HeldOverview = Type.Object(
  { deletions: Count, kinds: Type.Array(Text), since: Time, until: Time },
  { additionalProperties: false, description: 'Deletions that the guard holds.' },
);

export const SearchHit = component(
  'SearchHit',
  Type.Object(
    {
      what: Type.Enum(['name', 'address', 'zone', 'object']),
      text: Text,
      zone: maybe(Text),
      cluster: maybe(Text),
      kind: maybe(Text),
      isCurrent: Type.Boolean(),
    },
    closed('Something that a search found, there now or once.'),
  ),
);

const Reached = Type.Object({ serial: Serial, time: Time }, { additionalProperties: false });

export const Overview = component(
  'Overview',
  Type.Object(
    {
      now: Time,
      version: Text,
      log: Type.Object(
        { batches: Count, events: Count, first: Instant, last: Instant, octets: Count },
        { additionalProperties: false },
      ),
      lagSeconds: maybe(Type.Number({ description: 'From the arrival of a fact to its commit, in the last batch.' })),
      logFailure: maybe(Text),
      clusters: Type.Array(
        Type.Object(
          {
            cluster: Text,
            isFollowed: Type.Boolean({ description: 'The running server follows it.' }),
            isSynced: Type.Boolean(),
            lost: Type.Array(Text),
            silentSeconds: maybe(Type.Number({ description: 'Since the API server last said anything.' })),
            zones: Type.Array(Text),
            kinds: Type.Array(KindState),
            held: maybe(HeldOverview),
            events: Count,
            eventsPerMinute: Type.Number({ description: 'Over the last minute.' }),
            lastEvent: maybe(Instant),
          },
          { additionalProperties: false },
        ),
      ),
      zones: Type.Array(
        Type.Object(
          {
            zone: Text,
            apex: Text,
            kind: Text,
            serial: maybe(Serial),
            records: Count,
            versions: Count,
            lastChange: maybe(VersionRef),
          },
          { additionalProperties: false },
        ),
      ),
      secondaries: Type.Array(
        Type.Object(
          {
            zone: Text,
            address: Text,
            port: maybe(Type.Integer()),
            served: Serial,
            acknowledged: maybe(Reached),
            transferred: maybe(Reached),
          },
          { additionalProperties: false },
        ),
      ),
      incoming: Type.Array(
        Type.Object(
          {
            zone: Text,
            primaries: Type.Array(Text),
            serial: maybe(Serial),
            memberOf: maybe(Type.String({ description: 'The catalog that it is a member of.' })),
            refreshed: maybe(Type.String({ description: 'When a primary was last found to have no newer version.' })),
            nextRefresh: maybe(
              Type.String({ description: 'When primaries are asked next; absent: they are being asked.' }),
            ),
            expires: maybe(Type.String({ description: 'Until when it is answered from if no primary is heard of.' })),
            isExpired: Type.Boolean(),
            failures: Type.Integer({ description: 'Refreshes that failed one after the other, up to now.' }),
            trouble: maybe(Type.String({ description: 'Why the last one failed.' })),
            last: maybe(
              Type.Object(
                {
                  primary: Text,
                  kind: Type.Union([Type.Literal('full'), Type.Literal('incremental')]),
                  serial: Serial,
                  records: Count,
                  octets: Count,
                  seconds: Type.Number(),
                  time: Text,
                },
                { additionalProperties: false, description: 'The last transfer since the start.' },
              ),
            ),
          },
          { additionalProperties: false },
        ),
        { description: 'Zones that are taken from other servers.' },
      ),
    },
    closed('How clusters, zones and secondaries stand.'),
  ),
);

export const Problem = component(
  'Problem',
  Type.Object(
    {
      type: Text,
      title: Text,
      status: Type.Integer(),
      detail: Text,
      errors: maybe(Type.Array(Type.Object({ pointer: Text, detail: Text }, { additionalProperties: false }))),
    },
    closed('RFC 9457.'),
  ),
);

/** A page of a long answer. */
export function pageOf<S extends TSchema>(item: S) {
  return Type.Object(
    {
      items: Type.Array(item),
      next: maybe(Type.String({ description: 'Given back as `cursor`, it brings what follows.' })),
    },
    { additionalProperties: false },
  );
}
