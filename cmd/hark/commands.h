/* commands.h - what `hark` can be told to do. */
#ifndef HARK_COMMAND_COMMANDS_H
#define HARK_COMMAND_COMMANDS_H

struct options_command;

struct command {
    const char *name;
    const char *summary; /* one line, for the list of commands */
    const struct options_command *options;
    /* Takes: argv[0] the command's own name.
     * Gives: the exit code. */
    int (*run)(int argc, char **argv);
};

/* Finds and runs the command that argv[1] names.
 * Gives: the exit code. */
int commands_run(int argc, char **argv);

#endif
