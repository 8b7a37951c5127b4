/* SMTP over TCP on the loopback, as far as AUTH needs it. What comes behind it goes through the layer; a server says to VRFY
 * what it was asked.
 *
 *   server LOGIN PASSWORD STRENGTH                    prints its port, and serves one connection
 *   client LOGIN PASSWORD STRENGTH PORT MECHANISM     prints the reply to AUTH, and "echoed" where three long lines came back
 */
#include "smtp.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LONG 3000

const char *login, *password;
unsigned strength;

static int peer, layered;
static char buffered[1 << 18];
static size_t have;

static void tell(const char *line, const char *rest) {
    char text[1 << 16];
    const char *wire = text;
    size_t size = snprintf(text, sizeof text, "%s%s\r\n", line, rest);
    if (size >= sizeof text || (layered && protect(text, size, &wire, &size)) || write(peer, wire, size) != (ssize_t)size)
        exit(2);
}

static void receive(void) {
    char wire[4096];
    const char *plain = wire;
    ssize_t got = read(peer, wire, sizeof wire);
    size_t size = got;
    if (got <= 0 || (layered && reveal(wire, got, &plain, &size)) || have + size > sizeof buffered) exit(3);
    memcpy(buffered + have, plain, size);
    have += size;
}

/* The next line, without its end. */
static const char *hear(void) {
    static char line[sizeof buffered];
    char *end;
    size_t size;
    while (!(end = memchr(buffered, '\n', have))) receive();
    size = end - buffered + 1;
    memcpy(line, buffered, size);
    line[size] = 0, line[strcspn(line, "\r\n")] = 0;
    memmove(buffered, buffered + size, have -= size);
    return line;
}

/* The last line of a reply. */
static const char *hear_reply(void) {
    const char *line = hear();
    while (line[0] && line[3] == '-') line = hear();
    return line;
}

/* "=" is nothing, and a line may be. */
static const char *said(const char *text) { return text && !strcmp(text, "=") ? "" : text; }

static void authenticate(char *arguments) {
    const char *answer, *mechanism = strtok(arguments, " "), *initial = strtok(NULL, " ");
    enum outcome outcome = begin(SERVER, mechanism ? mechanism : "", said(initial), &answer);
    while (outcome == MORE) {
        tell("334 ", answer ? answer : "");
        outcome = step(hear(), &answer);
    }
    tell(outcome == DONE ? "235 2.7.0 " : "535 5.7.8 ", "over");
    layered = outcome == DONE && strength;
}

static void serve(void) {
    char line[1 << 16];
    tell("220 ", "peer");
    for (;;) {
        snprintf(line, sizeof line, "%s", hear());
        if (!strncmp(line, "EHLO ", 5)) tell("250-peer\r\n250 AUTH ", offer());
        else if (!strncmp(line, "AUTH ", 5)) authenticate(line + 5);
        else if (!strncmp(line, "VRFY ", 5)) tell("252 ", line + 5);
        else return tell("221 ", "bye");
    }
}

/* A proof of the server comes as a challenge, and so is none missing when success does. */
static int log_in(const char *mechanism) {
    char command[1 << 16];
    const char *answer, *reply;
    enum outcome outcome = begin(CLIENT, mechanism, NULL, &answer);
    snprintf(command, sizeof command, "AUTH %s%s%s", mechanism, answer ? " " : "", answer && *answer ? answer : "=");
    if (!answer) command[strlen(command) - 1] = 0;
    tell(command, "");
    for (reply = hear_reply(); !strncmp(reply, "334", 3) && outcome != FAILED; reply = hear_reply()) {
        outcome = step(reply + 4, &answer);
        tell(outcome == FAILED ? "*" : answer ? answer : "", "");
    }
    printf("%.3s\n", reply);
    layered = strength && outcome == DONE;
    return outcome == DONE && reply[0] == '2';
}

static void visit(const char *mechanism) {
    char text[LONG + 1];
    int time;
    hear_reply();
    tell("EHLO ", "peer");
    hear_reply();
    if (!log_in(mechanism)) return;
    for (time = 0; time < 3; time++) {
        memset(text, 'a' + time, LONG), text[LONG] = 0;
        tell("VRFY ", text);
        if (strcmp(hear_reply() + 4, text)) exit(4);
    }
    puts("echoed");
    tell("QUIT", "");
    hear_reply();
}

static struct sockaddr_in loopback(unsigned port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static void accept_one(void) {
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1)) exit(5);
    if (getsockname(listener, (struct sockaddr *)&address, &size)) exit(5);
    printf("%u\n", ntohs(address.sin_port));
    fflush(stdout);
    if ((peer = accept(listener, NULL, NULL)) < 0) exit(5);
}

static void reach(unsigned port) {
    struct sockaddr_in address = loopback(port);
    peer = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(peer, (struct sockaddr *)&address, sizeof address)) exit(5);
}

int main(int count, char **words) {
    if (count < 5) return 1;
    login = words[2], password = words[3], strength = strtoul(words[4], NULL, 10);
    alarm(30);
    if (count == 5) accept_one(), serve();
    else if (count == 7) reach(strtoul(words[5], NULL, 10)), visit(words[6]);
    return 0;
}
