/* layers QOP encode|decode BLOCK COUNT: both ends of a layer of libsasl2 in one process. What it does and prints is what
 * bench/layers does and prints. */
#include "libsasl2.h"

/* The bytes, about, that are carried between two looks at the clock. */
#define ROUND (256 * 1024)

static sasl_conn_t *server, *client;

static void agree(sasl_ssf_t bits)
{
    const char *response = NULL, *challenge = NULL, *chosen;
    unsigned response_length = 0, challenge_length = 0;
    int heard;

    must(sasl_server_new("imap", HOST, REALM, NULL, NULL, NULL, 0, &server), "sasl_server_new");
    must(sasl_client_new("imap", HOST, NULL, NULL, NULL, 0, &client), "sasl_client_new");
    strength(server, bits);
    strength(client, bits);
    must(sasl_client_start(client, mechanism, NULL, &response, &response_length, &chosen), "sasl_client_start");
    heard = sasl_server_start(server, mechanism, response, response_length, &challenge, &challenge_length);
    must(heard, "sasl_server_start");
    while (heard == SASL_CONTINUE) {
        must(sasl_client_step(client, challenge, challenge_length, NULL, &response, &response_length),
             "sasl_client_step");
        heard = sasl_server_step(server, response, response_length, &challenge, &challenge_length);
        must(heard, "sasl_server_step");
    }
}

static uint64_t encode(const char *message, unsigned length, size_t packets)
{
    const char *wire;
    unsigned wire_length;
    uint64_t began = now();
    for (size_t i = 0; i < packets; i++)
        must(sasl_encode(client, message, length, &wire, &wire_length), "sasl_encode");
    return now() - began;
}

/* The packets are made outside the time, in `room`. */
static uint64_t decode(const char *message, unsigned length, size_t packets, char *room)
{
    const char *wire, *plain;
    unsigned wire_length = 0, plain_length;
    uint64_t began;
    for (size_t i = 0; i < packets; i++) {
        must(sasl_encode(client, message, length, &wire, &wire_length), "sasl_encode");
        memcpy(room + i * wire_length, wire, wire_length);
    }
    began = now();
    for (size_t i = 0; i < packets; i++)
        must(sasl_decode(server, room + i * wire_length, wire_length, &plain, &plain_length), "sasl_decode");
    return now() - began;
}

int main(int count, char **words)
{
    if (count != 5)
        return 2;
    size_t length = strtoul(words[3], NULL, 10), rounds = strtoul(words[4], NULL, 10), warm_up = rounds / 10;
    size_t packets = ROUND / length ? ROUND / length : 1;
    char *message = malloc(length), *room = malloc(packets * (length + 100));
    uint64_t *times = malloc((warm_up + rounds) * sizeof *times);
    if (!message || !room || !times || !rounds)
        abort();
    memset(message, 'x', length);
    mechanism = "DIGEST-MD5";
    begin();
    agree(strcmp(words[1], "auth-int") ? 128 : 1);
    for (size_t i = 0; i < warm_up + rounds; i++)
        times[i] = strcmp(words[2], "encode") ? decode(message, (unsigned)length, packets, room)
                                              : encode(message, (unsigned)length, packets);
    printf("{\"bytes\":%zu,\"ns\":%lu}\n", packets * length, median(times + warm_up, rounds));
    return 0;
}
