/* options.c - reads the command line with getopt_long, by the table of the command.
 *
 * The arguments are walked twice: first to learn which options they name and where the
 * configuration file is, then, after the file was read, to set the values. So a value on the
 * command line goes before the file's, whatever it is, lists included. A wrong option ends it with
 * one line.
 */
#include "options/options.h"

#include "base/say.h"
#include "options/config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What getopt_long answers for the two options that every command may have; rows answer from
 * ROW_FIRST on. Short letters must not be met: they end below 256. */
enum { ANSWER_HELP = 256, ANSWER_CONFIG, ROW_FIRST };

struct walk {
    const struct options_command *command;
    struct option longs[OPTIONS_ROWS_MAX + 3];
    char letters[2 * OPTIONS_ROWS_MAX + 6];
};

/* Makes getopt's own tables out of the command's. */
static void walk_init(struct walk *walk, const struct options_command *command)
{
    memset(walk, 0, sizeof *walk);
    walk->command = command;
    struct option *next = walk->longs;
    char *letter = walk->letters;
    *letter++ = ':'; /* tell a missing value from an unknown option */
    *letter++ = 'h';
    if (command->with_config) {
        *letter++ = 'c';
        *letter++ = ':';
    }
    *next++ = (struct option){.name = "help", .val = ANSWER_HELP};
    if (command->with_config)
        *next++ =
            (struct option){.name = "config", .has_arg = required_argument, .val = ANSWER_CONFIG};
    for (size_t row = 0; row < command->count; row++) {
        const struct option_row *option = &command->rows[row];
        *next++ = (struct option){
            .name = option->name,
            .has_arg = option->value ? required_argument : no_argument,
            .val = ROW_FIRST + (int)row,
        };
        if (option->letter) {
            *letter++ = option->letter;
            if (option->value)
                *letter++ = ':';
        }
    }
}

static const struct option_row *row_of_letter(const struct options_command *command, int letter)
{
    for (size_t row = 0; row < command->count; row++)
        if (command->rows[row].letter && command->rows[row].letter == letter)
            return &command->rows[row];
    return NULL;
}

/* Says what getopt did not like about the argument that it has just passed. */
static void say_refused(const struct walk *walk, int answer, const char *argument)
{
    const char *name = walk->command->name;
    if (answer == ':')
        say("%s: %s needs a value (try: hark %s --help)", name, argument, name);
    else if (optopt >= ANSWER_HELP)
        say("%s: %.*s takes no value (try: hark %s --help)", name, (int)strcspn(argument, "="),
            argument, name);
    else if (optopt)
        say("%s: unknown option -%c (try: hark %s --help)", name, optopt, name);
    else
        say("%s: unknown option %s (try: hark %s --help)", name, argument, name);
}

/* Gives: the next option's row in *out_row (NULL for help and config, told apart by *out_answer);
 * false at the end. */
static bool walk_next(struct walk *walk, int argc, char **argv, int *out_answer,
                      const struct option_row **out_row)
{
    *out_row = NULL;
    *out_answer = getopt_long(argc, argv, walk->letters, walk->longs, NULL);
    if (*out_answer == -1)
        return false;
    if (*out_answer == 'h')
        *out_answer = ANSWER_HELP;
    if (*out_answer == 'c' && walk->command->with_config)
        *out_answer = ANSWER_CONFIG;
    if (*out_answer >= ROW_FIRST)
        *out_row = &walk->command->rows[*out_answer - ROW_FIRST];
    else if (*out_answer < ANSWER_HELP && *out_answer != '?' && *out_answer != ':')
        *out_row = row_of_letter(walk->command, *out_answer);
    return true;
}

/* The first walk. Gives: OPTIONS_GO and which rows are named, and the file. */
static enum options_outcome find_named(struct walk *walk, int argc, char **argv, bool *named,
                                       struct options_found *found)
{
    int answer;
    const struct option_row *row;
    optind = 0; /* glibc: begin anew, and forget how far the last walk came */
    opterr = 0;
    while (walk_next(walk, argc, argv, &answer, &row)) {
        if (row) {
            named[row - walk->command->rows] = true;
        } else if (answer == ANSWER_HELP) {
            options_help(walk->command);
            return OPTIONS_HELP;
        } else if (answer == ANSWER_CONFIG) {
            found->config = optarg;
        } else {
            say_refused(walk, answer, argv[optind - 1]);
            return OPTIONS_WRONG;
        }
    }
    return OPTIONS_GO;
}

/* The second walk. */
static enum options_outcome set_named(struct walk *walk, int argc, char **argv, void *target)
{
    int answer;
    const struct option_row *row;
    optind = 0;
    while (walk_next(walk, argc, argv, &answer, &row)) {
        if (!row)
            continue;
        const char *wrong = row->set(target, row->value ? optarg : "yes");
        if (wrong) {
            say("%s: --%s %s: %s (try: hark %s --help)", walk->command->name, row->name,
                row->value ? optarg : "", wrong, walk->command->name);
            return OPTIONS_WRONG;
        }
    }
    return OPTIONS_GO;
}

static enum options_outcome take_operands(const struct options_command *command, int argc,
                                          char **argv, struct options_found *found)
{
    size_t count = (size_t)(argc - optind);
    if (count > command->operands_max) {
        say("%s: '%s' is one argument too many (try: hark %s --help)", command->name,
            argv[optind + (int)command->operands_max], command->name);
        return OPTIONS_WRONG;
    }
    if (count < command->operands_min) {
        say("%s: needs %s (try: hark %s --help)", command->name, command->operands, command->name);
        return OPTIONS_WRONG;
    }
    for (size_t i = 0; i < count; i++)
        found->operands[i] = argv[optind + (int)i];
    found->operands_count = count;
    return OPTIONS_GO;
}

bool options_parse(const struct options_command *command, struct options_memory *memory, int argc,
                   char **argv, void *target, struct options_found *out_found, int *out_code)
{
    struct walk walk;
    bool named[OPTIONS_ROWS_MAX] = {false};
    struct options_found found = {.config = NULL};

    walk_init(&walk, command);
    enum options_outcome outcome = find_named(&walk, argc, argv, named, &found);
    if (outcome == OPTIONS_GO && found.config)
        outcome = options_config_read(command, memory, found.config, named, target);
    if (outcome == OPTIONS_GO)
        outcome = set_named(&walk, argc, argv, target);
    if (outcome == OPTIONS_GO)
        outcome = take_operands(command, argc, argv, &found);
    if (outcome == OPTIONS_GO)
        *out_found = found;
    else
        *out_code = outcome == OPTIONS_HELP ? EXIT_DONE : EXIT_USAGE;
    return outcome == OPTIONS_GO;
}

/* Prints one option: its forms in a column of their own, then its text, each line of it in the
 * second column. */
static void help_row(char letter, const char *name, const char *value, const char *text)
{
    enum { COLUMN = 31 };
    char forms[80];
    char lead[8] = "    ";
    if (letter)
        snprintf(lead, sizeof lead, "-%c, ", letter);
    int width = snprintf(forms, sizeof forms, "  %s--%s%s%s", lead, name, value ? " " : "",
                         value ? value : "");
    bool own_line = width >= COLUMN - 1;
    if (own_line)
        printf("%s\n%*s", forms, COLUMN, "");
    else
        printf("%-*s", COLUMN, forms);
    for (const char *line = text; *line;) {
        size_t count = strcspn(line, "\n");
        printf("%*s%.*s\n", line == text ? 0 : COLUMN, "", (int)count, line);
        line += count + (line[count] == '\n');
    }
}

void options_help(const struct options_command *command)
{
    printf("Usage: hark %s%s%s\n\n%s\nOptions:\n", command->name, *command->usage ? " " : "",
           command->usage, command->about);
    for (size_t row = 0; row < command->count; row++)
        help_row(command->rows[row].letter, command->rows[row].name, command->rows[row].value,
                 command->rows[row].text);
    if (command->with_config)
        help_row('c', "config", "FILE",
                 "read options from FILE: lines of NAME = VALUE with the names above;\n"
                 "# or ; begins a comment; an option given here goes before the file");
    help_row('h', "help", NULL, "print this");
    printf("\n%s", command->after);
}
