/* main.c - the entry of the hark command. Everything else of it is in a library, so that tests can link it. */
#include <stdio.h>

#include "commands.h"
#include "say.h"

int main(int argc, char **argv)
{
    int code = commands_run(argc, argv);
    /* What was printed may still wait in stdio's buffer: a full disk is noticed only here. */
    if (fflush(stdout) && code == EXIT_DONE) {
        say("cannot write to standard output");
        code = EXIT_REFUSED;
    }
    return code;
}
