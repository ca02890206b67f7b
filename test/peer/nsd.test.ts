import { NSD } from './kinds.ts';
import { testPeer } from './suite.ts';

testPeer(NSD);
