/* What the peers' programs share that time exchanges: they print medians, as one line of JSON. */
#include "account.h"

/* One exchange: all of it, and the server's part of it, in nanoseconds. */
struct times {
    uint64_t full;
    uint64_t server;
};

/* Calls the server, and adds the time to `sum`. */
#define TIMED(sum, call)                \
    do {                                \
        uint64_t began_ = now();        \
        call;                           \
        (sum) += now() - began_;        \
    } while (0)

/* Runs `exchange` so many times, a tenth more to warm up, and prints the medians. */
static void measure(size_t count, struct times (*exchange)(void))
{
    uint64_t *full = malloc(count * sizeof *full), *server = malloc(count * sizeof *server);
    if (!full || !server)
        abort();
    for (size_t i = 0; i < count / 10; i++)
        exchange();
    for (size_t i = 0; i < count; i++) {
        struct times times = exchange();
        full[i] = times.full;
        server[i] = times.server;
    }
    printf("{\"full_ns\":%lu,\"server_ns\":%lu}\n", median(full, count), median(server, count));
    free(full);
    free(server);
}
