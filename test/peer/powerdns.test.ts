import { POWERDNS } from './kinds.ts';
import { testPeer } from './suite.ts';

testPeer(POWERDNS);
