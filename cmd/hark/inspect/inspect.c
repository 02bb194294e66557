/* inspect.c - which of its commands `hark log` is to run. */
#include "inspect/inspect.h"

#include <string.h>

#include "base/say.h"
#include "inspect/check.h"
#include "inspect/dump.h"

const struct options_command inspect_options = {
    .name = "log",
    .usage = "check DIR | dump DIR [STREAM]",
    .about =
        "check  reads all that a data directory of hark serve holds, and tells what is whole,\n"
        "       damaged or lost: by segment, and by stream and id\n"
        "dump   prints it: a line of JSON for each stream and each event, of one stream or all\n"
        "\n"
        "Both change nothing. No server may run on the directory.\n",
    .after = "Exit code: 0 all is whole, 1 something is damaged or lost, 2 wrong usage, 3 it "
             "cannot be read.\n\n"
             "Examples:\n"
             "  hark log check hark-data\n"
             "  hark log dump hark-data weather | jq -r .text\n",
    .operands_min = 2,
    .operands_max = 3,
    .operands = "check or dump, and a DIR",
};

int inspect_run(int argc, char **argv)
{
    struct options_found found;
    int code;
    if (!options_parse(&inspect_options, NULL, argc, argv, NULL, &found, &code))
        return code;
    const char *verb = found.operands[0], *path = found.operands[1];
    const char *stream = found.operands_count > 2 ? found.operands[2] : NULL;
    if (strcmp(verb, "dump") == 0)
        return dump_directory(path, stream);
    if (strcmp(verb, "check") == 0 && !stream)
        return check_directory(path);
    if (strcmp(verb, "check") == 0)
        say("hark log check takes a DIR alone, not '%s' too", stream);
    else
        say("hark log does not know '%s' (try: hark log check DIR)", verb);
    return EXIT_USAGE;
}
