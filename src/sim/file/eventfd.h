/* eventfd.h - of eventfd(2), what others than its callers need. */
#ifndef SIM_FILE_EVENTFD_H
#define SIM_FILE_EVENTFD_H

#include <stdbool.h>

/* Whether who asks was woken by a write to an eventfd, and is inside of it: the kernel lets no
 * eventfd write another (eventfd_signal_allowed). */
bool eventfd_writes(void);

#endif
