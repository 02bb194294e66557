/* standard.c - the three descriptors that every program is started with, and that some callers
 * close (`<&-`, a daemon's child).
 *
 * A number that is free is given to the next descriptor that is opened: the loop's own would then
 * be read as input, and events be written into it.
 */
#include "base/standard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "base/say.h"

int standard_open_missing(void)
{
    static const int flags[] = {
        [STDIN_FILENO] = O_WRONLY, [STDOUT_FILENO] = O_RDONLY, [STDERR_FILENO] = O_RDWR};
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        /* The lowest free number, which is this: all below are open. Inherited by whatever is run,
         * as the others are. */
        if (open("/dev/null", flags[fd]) != fd) {
            say("descriptor %d is closed, and /dev/null cannot be opened in its place: %s", fd,
                why(errno));
            return EXIT_REFUSED;
        }
    }
    return EXIT_DONE;
}

int standard_end_output(int code)
{
    /* What was printed may still wait in stdio's buffer, and a file system on another machine tells
     * only at the close. */
    bool failed = ferror(stdout) != 0;
    errno = 0;
    if (fclose(stdout) == 0 && !failed)
        return code;
    if (errno != 0)
        say("cannot write to standard output: %s", why(errno));
    else
        say("cannot write to standard output");
    return code == EXIT_DONE ? EXIT_REFUSED : code;
}
