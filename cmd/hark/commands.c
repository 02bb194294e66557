/* commands.c - the list of commands, and the help that leads to them. */
#include "commands.h"

#include <stdio.h>
#include <string.h>

#include "base/say.h"
#include "client/client.h"
#include "doctor/doctor.h"
#include "hark.h"
#include "inspect/inspect.h"
#include "options/options.h"
#include "server/command.h"
#include "token/command.h"
#include "trace/command.h"

static int run_help(int argc, char **argv);
static int run_version(int argc, char **argv);

static const struct options_command version_options = {
    .name = "version",
    .usage = "",
    .about = "Prints the version.\n",
    .after = "Example:\n  hark version\n",
};

static const struct options_command help_options = {
    .name = "help",
    .usage = "[COMMAND]",
    .about = "Explains a command, or lists them all.\n",
    .after = "Examples:\n  hark help\n  hark help serve\n",
    .operands_max = 1,
};

static const struct command commands[] = {
    {"serve", "run the event-stream server", &options_serve, options_serve_run},
    {"pub", "publish standard input, an event a line", &client_pub_options, client_pub_run},
    {"sub", "print the events of a stream, and go on when the connection breaks",
     &client_sub_options, client_sub_run},
    {"doctor", "tell what this machine offers, and what to change", &doctor_options, doctor_run},
    {"log", "check, print, back up or restore a data directory", &inspect_options, inspect_run},
    {"token", "make a token for who may do what, and the rule for it", &token_options, token_run},
    {"trace", "run a program and show where the time of its requests went", &trace_options,
     trace_run},
    {"version", "print the version", &version_options, run_version},
    {"help", "explain a command", &help_options, run_help},
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static void print_commands(FILE *file)
{
    fprintf(file, "Usage: hark COMMAND [OPTION]...\n\n"
                  "hark keeps streams of events: it takes them in, keeps them on disk, hands them "
                  "to everyone\n"
                  "who listens, and sleeps in between.\n\n"
                  "Commands:\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(file, "  %-9s %s\n", commands[i].name, commands[i].summary);
    fprintf(file, "\nTry it:\n"
                  "  hark serve &                        a server, on this machine alone\n"
                  "  hark sub weather &                  wait for events\n"
                  "  echo 'it rains' | hark pub weather  send one\n"
                  "  hark help serve                     all options, with examples\n");
}

static int run_help(int argc, char **argv)
{
    struct options_found found;
    int code;
    if (!options_parse(&help_options, NULL, argc, argv, NULL, &found, &code))
        return code;
    if (found.operands_count == 0) {
        print_commands(stdout);
        return EXIT_DONE;
    }
    const struct command *command = find_command(found.operands[0]);
    if (!command) {
        say("no command '%s' (try: hark help)", found.operands[0]);
        return EXIT_USAGE;
    }
    options_help(command->options);
    return EXIT_DONE;
}

static int run_version(int argc, char **argv)
{
    struct options_found found;
    int code;
    if (!options_parse(&version_options, NULL, argc, argv, NULL, &found, &code))
        return code;
    printf("hark %s\n", hark_version());
    return EXIT_DONE;
}

int commands_run(int argc, char **argv)
{
    if (argc < 2) {
        print_commands(stderr);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    else if (strcmp(name, "--version") == 0)
        name = "version";
    const struct command *command = find_command(name);
    if (!command) {
        say("unknown %s '%s' (try: hark help)", *name == '-' ? "option" : "command", name);
        return EXIT_USAGE;
    }
    return command->run(argc - 1, argv + 1);
}
