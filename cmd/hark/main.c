/* main.c - the entry of the hark command. Everything else of it is in a library, so that tests can
 * link it. */
#include "base/standard.h"
#include "commands.h"

int main(int argc, char **argv)
{
    int code = standard_open_missing();
    if (code == 0)
        code = commands_run(argc, argv);
    return standard_end_output(code);
}
