/* inspect.c - which of its commands `hark log` is to run. */
#include "inspect/inspect.h"

#include <string.h>

#include "base/say.h"
#include "inspect/backup.h"
#include "inspect/check.h"
#include "inspect/dump.h"

const struct options_command inspect_options = {
    .name = "log",
    .usage = "check DIR | dump DIR [STREAM] | backup DIR TO | restore BACKUP DIR",
    .about =
        "check    reads all that a data directory of hark serve holds, and tells what is whole,\n"
        "         damaged or lost: by segment, and by stream and id\n"
        "dump     prints it: a line of JSON for each stream and each event, of one stream or all\n"
        "backup   copies into the directory TO what that does not have yet; a server may run, and\n"
        "         may be started from the copy\n"
        "restore  copies a backup into a new or empty directory\n"
        "\n"
        "They change nothing in the directory that they read. No server may run on one that is\n"
        "checked or dumped.\n",
    .after = "Exit code: 0 all is whole, 1 something is damaged or lost, 2 wrong usage, 3 it "
             "cannot be read\nor written.\n\n"
             "Examples:\n"
             "  hark log check hark-data\n"
             "  hark log dump hark-data weather | jq -r .text\n"
             "  hark log backup hark-data /backup/hark && hark log check /backup/hark\n",
    .operands_min = 2,
    .operands_max = 3,
    .operands = "what is to be done, and a DIR",
};

/* Those with two directories. */
static int run_on_two(const char *verb, const char *from, const char *to)
{
    if (!to) {
        say("hark log %s takes two directories (try: hark help log)", verb);
        return EXIT_USAGE;
    }
    return strcmp(verb, "backup") == 0 ? backup_directory(from, to) : backup_restore(from, to);
}

int inspect_run(int argc, char **argv)
{
    struct options_found found;
    int code;
    if (!options_parse(&inspect_options, NULL, argc, argv, NULL, &found, &code))
        return code;
    const char *verb = found.operands[0], *path = found.operands[1];
    const char *other = found.operands_count > 2 ? found.operands[2] : NULL;
    if (strcmp(verb, "dump") == 0)
        return dump_directory(path, other);
    if (strcmp(verb, "backup") == 0 || strcmp(verb, "restore") == 0)
        return run_on_two(verb, path, other);
    if (strcmp(verb, "check") == 0 && !other)
        return check_directory(path);
    if (strcmp(verb, "check") == 0)
        say("hark log check takes a DIR alone, not '%s' too", other);
    else
        say("hark log does not know '%s' (try: hark help log)", verb);
    return EXIT_USAGE;
}
