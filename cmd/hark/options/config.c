/* config.c - the configuration file, parsed by inih.
 *
 * inih goes on after an error and cuts lines at a length that was chosen when it was built. Both
 * would be silent here: so the first error is kept and later lines are passed over, and the lines
 * are read by this file, which refuses one that is too long for inih. inih also takes a line that
 * begins with a blank for more of the value before it, and quotes for a part of a value; neither is
 * what anybody means, and both are refused. The line's number is counted here as well: inih's
 * handler is told it only in some builds.
 */
#include "options/config.h"

#include "base/say.h"
#include "options/text_file.h"

#include <ini.h>
#include <stdio.h>
#include <string.h>

#include "hark.h"

struct reading {
    const struct options_command *command;
    struct options_memory *memory;
    const bool *named;
    void *target;
    const char *path;
    struct text_file file;
    unsigned line;
    bool wrong; /* one line was said: the rest is passed over */
};

/* Says the first error, with its place. */
static void refuse(struct reading *reading, const char *name, const char *value, const char *why)
{
    if (!reading->wrong)
        say("%s:%u: %s%s%s: %s (try: hark %s --help)", reading->path, reading->line, name,
            value ? " = " : "", value ? value : "", why, reading->command->name);
    reading->wrong = true;
}

/* Whether nothing stands behind the blanks but a comment. */
static bool says_nothing(const char *text)
{
    return *text == '\0' || *text == '#' || *text == ';';
}

/* Looks at a line before inih does. Gives: NULL, or what is wrong with it. */
static const char *look_at(const struct reading *reading, const char *line, size_t length)
{
    static const char blanks[] = " \t\r\n\f\v";
    const char *text = line + strspn(line, blanks);
    char section[64];
    if (length == 0)
        return "has a NUL in it: this is no text";
    if (says_nothing(text))
        return NULL;
    if (text != line)
        return "begins with a blank: every option stands at the beginning of a line of its own";
    snprintf(section, sizeof section, "[%s]", reading->command->name);
    if (*line == '[' &&
        (strncmp(line, section, strlen(section)) != 0 ||
         !says_nothing(line + strlen(section) + strspn(line + strlen(section), blanks))))
        return "is a section for another command, or not only a section";
    return NULL;
}

/* As fgets, for inih. A line that does not fit, or cannot be meant, ends the reading. */
static char *read_line(char *line, int room, void *context)
{
    struct reading *reading = context;
    if (reading->wrong || !text_file_line(&reading->file, line, (size_t)room))
        return NULL;
    reading->line++;
    size_t length = strlen(line);
    const char *wrong = look_at(reading, line, length);
    if (wrong) {
        refuse(reading, "the line", NULL, wrong);
        return NULL;
    }
    if ((int)length < room - 1 || line[length - 1] == '\n' || reading->file.ended)
        return line;
    char limit[64];
    snprintf(limit, sizeof limit, "the line is longer than %d bytes", room - 2);
    refuse(reading, "configuration", NULL, limit);
    return NULL;
}

/* inih hands a flag's words through as they are. Gives: "yes" or "no"; NULL for neither. */
static const char *flag_value(const char *word)
{
    static const char *const yes[] = {"yes", "true", "on", "1"};
    static const char *const no[] = {"no", "false", "off", "0"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (strcmp(word, yes[i]) == 0)
            return "yes";
        if (strcmp(word, no[i]) == 0)
            return "no";
    }
    return NULL;
}

static void set_row(struct reading *reading, const struct option_row *row, const char *value)
{
    const char *kept;
    if (*value == '"' || *value == '\'')
        return refuse(reading, row->name, value,
                      "quotes are not taken off: write the value without");
    if (strstr(value, " #") || strstr(value, "\t#"))
        return refuse(reading, row->name, value,
                      "a comment behind a value begins with ; after a blank");
    if (row->value)
        kept = options_memory_copy(reading->memory, value, strlen(value));
    else
        kept = flag_value(value);
    if (!kept)
        return refuse(reading, row->name, value, row->value ? "out of memory" : "is not yes or no");
    const char *wrong = row->set(reading->target, kept);
    if (wrong)
        refuse(reading, row->name, value, wrong);
}

/* inih's handler: 1 for a pair that is right. */
static int take_pair(void *context, const char *section, const char *name, const char *value)
{
    struct reading *reading = context;
    const struct options_command *command = reading->command;
    if (reading->wrong)
        return 0;
    if (*section && strcmp(section, command->name) != 0) {
        refuse(reading, section, NULL, "is a section for another command");
        return 0;
    }
    for (size_t row = 0; row < command->count; row++) {
        if (strcmp(command->rows[row].name, name) != 0)
            continue;
        if (!reading->named[row])
            set_row(reading, &command->rows[row], value ? value : "");
        return !reading->wrong;
    }
    refuse(reading, name, NULL, "is no option");
    return 0;
}

enum options_outcome options_config_read(const struct options_command *command,
                                         struct options_memory *memory, const char *path,
                                         const bool *named, void *target)
{
    struct reading reading = {
        .command = command,
        .memory = memory,
        .named = named,
        .target = target,
        .path = path,
    };
    int error = text_file_open(&reading.file, path);
    if (error) {
        say("cannot read the configuration %s: %s", path, why(error));
        return OPTIONS_WRONG;
    }
    int line = ini_parse_stream(read_line, &reading, take_pair, &reading);
    if (line > 0 && !reading.wrong) {
        reading.line = (unsigned)line;
        refuse(&reading, "configuration", NULL, "is not NAME = VALUE");
    }
    if (reading.file.error && !reading.wrong) {
        say("cannot read the configuration %s: %s", path, why(reading.file.error));
        reading.wrong = true;
    }
    text_file_close(&reading.file);
    return reading.wrong ? OPTIONS_WRONG : OPTIONS_GO;
}
