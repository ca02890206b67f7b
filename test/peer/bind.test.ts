import { BIND } from './kinds.ts';
import { testPeer } from './suite.ts';

testPeer(BIND);
