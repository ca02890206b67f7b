import { KNOT_PRIMARY } from './primaries.ts';
import { testPrimary } from './secondary-suite.ts';

testPrimary(KNOT_PRIMARY);
