/* config.c - see the header. The digest is of what was asked for, in one spelling: names sorted,
 * members in order. */
#include "subscriptions/config.h"

#include "subscriptions/glob.h"

#include <stdlib.h>
#include <string.h>

enum { NAMES_MAX = 1024 };

/* --- names --- */

/* Gives: false: it is no name. */
static bool normal_name(const char *text, char name[NAME_BYTES_MAX + 1])
{
    text += strspn(text, "/");
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == '/')
        length--;
    if (!name_valid(text, length))
        return false;
    memcpy(name, text, length);
    name[length] = '\0';
    return true;
}

static int by_text(const void *one, const void *other)
{
    return strcmp(one, other);
}

/* Takes: sorted names. */
static json_t *array_of(char (*names)[NAME_BYTES_MAX + 1], size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count && array; i++) {
        if ((i == 0 || strcmp(names[i], names[i - 1]) != 0) &&
            json_array_append_new(array, json_string(names[i])) < 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

const char *config_names(const json_t *array, json_t **out_names)
{
    const size_t count = json_array_size(array);
    if (array && !json_is_array(array))
        return "streams must be an array of names";
    if (count > NAMES_MAX)
        return "streams has more than 1024 names";
    char(*names)[NAME_BYTES_MAX + 1] = malloc((count + 1) * sizeof *names);
    if (!names)
        return "out of memory";
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(array, i));
        if (!text || !normal_name(text, names[i])) {
            free(names);
            return "streams has what is no name of a stream: " NAME_RULE;
        }
    }
    qsort(names, count, sizeof *names, by_text);
    *out_names = array_of(names, count);
    free(names);
    return *out_names ? NULL : "out of memory";
}

/* --- members --- */

static const char *text_of(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));
    return text && *text ? text : NULL;
}

static const char *take(char **to, const char *text)
{
    *to = strdup(text);
    return *to ? NULL : "out of memory";
}

static const char *take_pattern(const json_t *json, struct subscription_config *config)
{
    const char *pattern = text_of(json, "pattern");
    if (!pattern)
        return NULL;
    pattern += strspn(pattern, "/");
    if (strlen(pattern) > SUBSCRIPTION_PATTERN_MAX)
        return "pattern has more than 512 bytes";
    const char *wrong = take(&config->pattern, pattern);
    size_t length = strlen(pattern);
    while (!wrong && length > 0 && config->pattern[length - 1] == '/')
        config->pattern[--length] = '\0';
    return wrong                         ? wrong
           : glob_valid(config->pattern) ? NULL
                                         : "pattern is no path of names, * and **";
}

static const char *take_type(const json_t *json, struct subscription_config *config)
{
    const char *type = text_of(json, "type");
    if (!type || (strcmp(type, "webhook") != 0 && strcmp(type, "pull-wake") != 0))
        return "type must be webhook or pull-wake";
    config->type = strcmp(type, "webhook") == 0 ? SUBSCRIPTION_WEBHOOK : SUBSCRIPTION_PULL;
    return NULL;
}

static const char *take_way(const json_t *json, struct subscription_config *config)
{
    char name[NAME_BYTES_MAX + 1];
    const char *url = text_of(json_object_get(json, "webhook"), "url");
    const char *wake = text_of(json, "wake_stream");
    if (config->type == SUBSCRIPTION_WEBHOOK && !url)
        return "a webhook subscription needs webhook.url";
    if (config->type == SUBSCRIPTION_PULL && !wake)
        return "a pull-wake subscription needs wake_stream";
    if (config->type == SUBSCRIPTION_WEBHOOK)
        return strlen(url) > TARGET_URL_MAX ? "webhook.url has more than 2048 bytes"
                                            : take(&config->url, url);
    return normal_name(wake, name) ? take(&config->wake_stream, name)
                                   : "wake_stream is no name of a stream: " NAME_RULE;
}

static const char *take_rest(const json_t *json, struct subscription_config *config)
{
    const json_t *lease = json_object_get(json, "lease_ttl_ms");
    const json_t *description = json_object_get(json, "description");
    const json_int_t ms = lease ? json_integer_value(lease) : SUBSCRIPTION_LEASE_MS;
    if ((lease && !json_is_integer(lease)) || ms < SUBSCRIPTION_LEASE_MS_MIN ||
        ms > SUBSCRIPTION_LEASE_MS_MAX)
        return "lease_ttl_ms must be a whole number from 1000 to 600000";
    config->lease_ms = (uint32_t)ms;
    if (!json_is_string(description))
        return NULL;
    if (json_string_length(description) > SUBSCRIPTION_DESCRIPTION_MAX)
        return "description has more than 1024 bytes";
    return take(&config->description, json_string_value(description));
}

/* --- the whole --- */

static const char *digest(struct subscription_config *config, json_t *names)
{
    json_t *json =
        json_pack("{s:i, s:i, s:s*, s:s*, s:s*, s:s*, s:O}", "type", config->type, "lease",
                  (int)config->lease_ms, "pattern", config->pattern, "url", config->url, "wake",
                  config->wake_stream, "description", config->description, "streams", names);
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    const bool made = text && secrets_digest(text, strlen(text), config->digest);
    free(text);
    json_decref(json);
    return made ? NULL : "out of memory";
}

static bool has_name(const json_t *names, const char *name)
{
    size_t i;
    const json_t *entry;
    json_array_foreach(names, i, entry)
    {
        if (name && strcmp(json_string_value(entry), name) == 0)
            return true;
    }
    return false;
}

static const char *read_members(const json_t *json, struct subscription_config *config,
                                json_t **names)
{
    const char *wrong = take_type(json, config);
    if (!wrong)
        wrong = take_pattern(json, config);
    if (!wrong)
        wrong = config_names(json_object_get(json, "streams"), names);
    if (!wrong && !config->pattern && json_array_size(*names) == 0)
        wrong = "pattern or streams has to be there";
    if (!wrong)
        wrong = take_way(json, config);
    if (!wrong)
        wrong = take_rest(json, config);
    if (!wrong && has_name(*names, config->wake_stream))
        wrong = "wake_stream cannot be among its own streams";
    return wrong ? wrong : digest(config, *names);
}

const char *config_read(const char *body, size_t count, struct subscription_config *out_config,
                        json_t **out_names)
{
    struct subscription_config config = {0};
    json_t *names = NULL;
    json_t *json = json_loadb(body, count, 0, NULL);
    const char *wrong = json_is_object(json) ? read_members(json, &config, &names)
                                             : "the body must be an object of JSON";
    json_decref(json);
    if (wrong) {
        config_done(&config);
        json_decref(names);
        return wrong;
    }
    *out_config = config;
    *out_names = names;
    return NULL;
}
