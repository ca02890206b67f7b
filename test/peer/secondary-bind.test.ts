import { BIND_PRIMARY } from './primaries.ts';
import { testPrimary } from './secondary-suite.ts';

testPrimary(BIND_PRIMARY);
