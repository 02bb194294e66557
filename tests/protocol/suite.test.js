// suite.test.js - the suite against the server at HARK_URL.
import { runConformanceTests } from '@durable-streams/server-conformance-tests';

runConformanceTests({ baseUrl: process.env.HARK_URL, subscriptions: !process.env.HARK_WITHOUT_WEBHOOKS });
