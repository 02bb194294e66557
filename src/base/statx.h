/* statx.h - struct statx and its names: of the C library, or of the kernel where that one does not
 * know them (musl before 1.2.5, glibc before 2.28). */
#ifndef BASE_STATX_H
#define BASE_STATX_H

#include <sys/stat.h>

#ifndef STATX_TYPE
#include <linux/stat.h>
#endif

#endif
