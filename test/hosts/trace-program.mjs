// Holds a trace open until it is killed; prints the name of its instance's owner.
import { openTrace } from '../../build/linux/trace-events.js';

await openTrace({
  events: [{ event: 'sock/inet_sock_set_state', filter: 'protocol == 6' }],
  onEvents: () => {},
  onEnd: (error) => {
    console.log(`ended: ${error.message}`);
    process.exit(3);
  },
});
console.log(`tracing ${process.pid}`);
setInterval(() => {}, 1000);
