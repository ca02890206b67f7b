/** The metrics of CoreDNS 1.14 that zonelog has too, with their labels, and what its published dashboards and alerts ask for. */

export interface PeerMetric {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  /** In `test/system/metrics-names.test.ts` nothing happens that it counts. */
  readonly isEmpty?: true;
}

const PLACE = ['server', 'zone', 'view'];
const UPSTREAM = ['proxy_name', 'to'];

export const PEER_METRICS: Readonly<Record<string, PeerMetric>> = {
  coredns_build_info: { type: 'gauge', labels: ['version', 'revision', 'goversion'] },
  coredns_panics_total: { type: 'counter', labels: [] },
  coredns_plugin_enabled: { type: 'gauge', labels: [...PLACE, 'name'] },
  coredns_dns_requests_total: { type: 'counter', labels: [...PLACE, 'proto', 'family', 'type'] },
  coredns_dns_request_duration_seconds: { type: 'histogram', labels: PLACE },
  coredns_dns_request_size_bytes: { type: 'histogram', labels: [...PLACE, 'proto'] },
  coredns_dns_response_size_bytes: { type: 'histogram', labels: [...PLACE, 'proto'] },
  coredns_dns_do_requests_total: { type: 'counter', labels: PLACE },
  coredns_dns_responses_total: { type: 'counter', labels: [...PLACE, 'rcode', 'plugin'] },
  coredns_kubernetes_dns_programming_duration_seconds: { type: 'histogram', labels: ['service_kind'] },
  coredns_kubernetes_rest_client_request_duration_seconds: { type: 'histogram', labels: ['verb', 'host'] },
  coredns_kubernetes_rest_client_rate_limiter_duration_seconds: { type: 'histogram', labels: ['verb', 'host'] },
  coredns_kubernetes_rest_client_requests_total: { type: 'counter', labels: ['code', 'method', 'host'] },
  coredns_cache_entries: { type: 'gauge', labels: ['server', 'type', 'zones', 'view'] },
  coredns_cache_hits_total: { type: 'counter', labels: ['server', 'type', 'zones', 'view'] },
  coredns_cache_evictions_total: { type: 'counter', labels: ['server', 'type', 'zones', 'view'] },
  coredns_cache_requests_total: { type: 'counter', labels: ['server', 'zones', 'view'] },
  coredns_cache_misses_total: { type: 'counter', labels: ['server', 'zones', 'view'] },
  coredns_cache_prefetch_total: { type: 'counter', labels: ['server', 'zones', 'view'] },
  coredns_cache_drops_total: { type: 'counter', labels: ['server', 'zones', 'view'] },
  coredns_cache_served_stale_total: { type: 'counter', labels: ['server', 'zones', 'view'] },
  coredns_forward_healthcheck_broken_total: { type: 'counter', labels: [] },
  coredns_forward_max_concurrent_rejects_total: { type: 'counter', labels: [] },
  coredns_proxy_request_duration_seconds: { type: 'histogram', labels: [...UPSTREAM, 'rcode'] },
  coredns_proxy_healthcheck_failures_total: { type: 'counter', labels: UPSTREAM, isEmpty: true },
  coredns_proxy_conn_cache_hits_total: { type: 'counter', labels: [...UPSTREAM, 'proto'] },
  coredns_proxy_conn_cache_misses_total: { type: 'counter', labels: [...UPSTREAM, 'proto'] },
  coredns_health_request_duration_seconds: { type: 'histogram', labels: [] },
  coredns_health_request_failures_total: { type: 'counter', labels: [] },
  coredns_reload_failed_total: { type: 'counter', labels: [] },
  coredns_reload_version_info: { type: 'gauge', labels: ['hash', 'value'] },
  coredns_hosts_entries: { type: 'gauge', labels: ['hostsfile'] },
  coredns_hosts_reload_timestamp_seconds: { type: 'gauge', labels: [] },
  coredns_acl_blocked_requests_total: { type: 'counter', labels: PLACE },
  coredns_acl_filtered_requests_total: { type: 'counter', labels: PLACE },
  coredns_acl_dropped_requests_total: { type: 'counter', labels: PLACE },
  coredns_acl_allowed_requests_total: { type: 'counter', labels: ['server', 'view'] },
  coredns_autopath_success_total: { type: 'counter', labels: ['server'] },
  coredns_dns64_requests_translated_total: { type: 'counter', labels: ['server'] },
  coredns_local_localhost_requests_total: { type: 'counter', labels: [] },
  coredns_template_matches_total: { type: 'counter', labels: [...PLACE, 'class', 'type'] },
  coredns_template_template_failures_total: {
    type: 'counter',
    labels: [...PLACE, 'class', 'type', 'section', 'template'],
  },
  coredns_template_rr_failures_total: {
    type: 'counter',
    labels: [...PLACE, 'class', 'type', 'section', 'template'],
    isEmpty: true,
  },
};

/**
 * What the dashboards of the CoreDNS mixin and of the Grafana library (14981, 15762) group by, and its alerts: a metric and
 * the labels that a query names. Left out is what CoreDNS itself no longer has (`coredns_forward_requests_total` and its
 * like gave way to `coredns_proxy_…`), and what is of its language (`go_goroutines`).
 */
export const DASHBOARD_QUERIES: readonly (readonly [metric: string, labels: readonly string[]])[] = [
  ['coredns_build_info', ['version']],
  ['coredns_panics_total', []],
  ['coredns_dns_responses_total', ['rcode']],
  ['coredns_dns_responses_total', ['server', 'zone', 'rcode']],
  ['coredns_dns_request_duration_seconds_bucket', ['server', 'zone', 'le']],
  ['coredns_dns_request_duration_seconds_sum', ['server', 'zone']],
  ['coredns_dns_request_duration_seconds_count', ['server', 'zone']],
  ['coredns_dns_requests_total', ['type']],
  ['coredns_dns_requests_total', ['zone']],
  ['coredns_dns_requests_total', ['proto', 'family']],
  ['coredns_dns_do_requests_total', []],
  ['coredns_dns_request_size_bytes_bucket', ['server', 'zone', 'proto', 'le']],
  ['coredns_dns_response_size_bytes_bucket', ['server', 'zone', 'proto', 'le']],
  ['coredns_cache_hits_total', ['type']],
  ['coredns_cache_misses_total', []],
  ['coredns_cache_entries', ['type']],
  ['coredns_plugin_enabled', ['name']],
  ['coredns_kubernetes_dns_programming_duration_seconds_bucket', ['service_kind', 'le']],
  ['coredns_proxy_request_duration_seconds_count', ['to', 'rcode']],
  ['coredns_proxy_request_duration_seconds_bucket', ['to', 'le']],
  ['coredns_forward_healthcheck_broken_total', []],
  ['process_resident_memory_bytes', []],
  ['process_cpu_seconds_total', []],
];
