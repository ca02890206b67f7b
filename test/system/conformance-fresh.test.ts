/** The cases of test/conformance/, each with a server that starts for it; there most of them share a few servers. */
process.env.CONFORMANCE_FRESH = '1';
await import('../conformance/conformance.test.ts');
