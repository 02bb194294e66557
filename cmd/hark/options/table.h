/* table.h - what a command can be told: a table, from which parsing, the configuration file and the
 * help are all made, so that the three cannot say different things. */
#ifndef HARK_COMMAND_OPTIONS_TABLE_H
#define HARK_COMMAND_OPTIONS_TABLE_H

#include <stdbool.h>
#include <stddef.h>

/* One option. */
struct option_row {
    const char *name;  /* "http", which is --http, and http = ... in the configuration file */
    char letter;       /* its short form, 'q' for -q; 0: none */
    const char *value; /* what its value is called in the help, "ADDR:PORT"; NULL: it is a flag */
    const char *text;  /* what it does; lines are ended by \n */
    /* Puts a value into the command's own struct.
     * Takes: a text that lives as long as the options; for a flag "yes" or "no".
     * Gives: NULL, or what is wrong with the value: "is not a port". */
    const char *(*set)(void *target, const char *value);
};

/* One command. */
struct options_command {
    const char *name;  /* "serve" */
    const char *usage; /* what follows the name in the first line of the help */
    const char *about; /* what it is for, lines ended by \n */
    const char *after; /* examples, and what else there is to say */
    const struct option_row *rows;
    size_t count;         /* at most OPTIONS_ROWS_MAX */
    size_t operands_min;  /* operands are what is not an option: STREAM */
    size_t operands_max;  /* at most OPTIONS_OPERANDS_MAX */
    const char *operands; /* how the operands are called in messages, "a STREAM" */
    bool with_config;     /* takes --config FILE */
};

enum { OPTIONS_ROWS_MAX = 64, OPTIONS_OPERANDS_MAX = 32 };

/* What was found besides the options. */
struct options_found {
    const char *operands[OPTIONS_OPERANDS_MAX];
    size_t operands_count;
    const char *config; /* the configuration file; NULL: none */
};

enum options_outcome {
    OPTIONS_GO,    /* all is set: go on */
    OPTIONS_HELP,  /* the help was asked for and printed */
    OPTIONS_WRONG, /* one line was said */
};

#endif
