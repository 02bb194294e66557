/* serve_http.h - clients of hark serve over HTTP in a simulated world: plain programs with
 * blocking sockets, whose events and answers the model of serve.h takes as those of hark pub and
 * hark sub. */
#ifndef SCENE_SERVE_HTTP_H
#define SCENE_SERVE_HTTP_H

#include "serve.h"

/* Starts one that posts some lines, an event each, several under way at a time or not. Where there
 * were enough: nothing happens. */
void serve_post(struct serve_model *model, struct hark_sim_machine *machine, int stream);

/* Starts one that follows an event stream, as a browser does: it comes back by the last id that it
 * was told. It ends by a signal. Gives: NULL: there were enough. */
struct serve_reader *serve_follow(struct serve_model *model, struct hark_sim_machine *machine,
                                  int stream, bool from_start);

/* Starts one that deletes a stream. Where there were enough: nothing happens. */
void serve_delete(struct serve_model *model, struct hark_sim_machine *machine, int stream);

#endif
