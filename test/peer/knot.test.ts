import { KNOT } from './kinds.ts';
import { testPeer } from './suite.ts';

testPeer(KNOT);
