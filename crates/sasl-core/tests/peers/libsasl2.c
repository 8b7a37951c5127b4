/* libsasl2 as a peer that speaks lines on stdin and stdout: a word, and mostly base64 of something behind it.
 *
 *   libsasl2 server|client NAME=VALUE...
 *
 *   mechanism=NAMES                      those that are offered; a client chooses among them
 *   user= password=                      the one account, or a login
 *   secret=PROPERTY:BASE64               what is kept beside or in place of a password; several
 *   authzid= trace=                      whom a client acts as; what it leaves at ANONYMOUS
 *   service= host= realm=                realm is a server's user_realm, a client's answer where it is asked
 *   proxy=NAME                           the one whom a user may act as; without it nobody is asked
 *   min_ssf= max_ssf= maxbuf= flags=     security properties; without them no layer, and no demands
 *   external_ssf= external=NAME          of the channel below
 *   binding=TYPE:BASE64 critical=1       of the channel below
 *   initial=no                           a client leaves its first message to the first challenge
 *   success_data=1                       the protocol carries data with a success
 *   reauth=MINUTES                       a server lets clients come back with the nonce they know
 *
 * A client writes "mechanism NAME", then "initial TEXT" or "none", then each "response TEXT"; it reads "challenge TEXT",
 * at the end "success" or "success DATA", and says itself "success" or "failure TEXT". A server reads and writes the
 * same from the other side; before that it answers "offer" by "offer NAMES".
 *
 * After the end both answer "user", "login", "ssf", "limit" (the most that a packet may hold) in the same word, "wrap
 * PLAIN" by "packet", "unwrap WIRE" by "plain", or by "failure"; "again" begins another exchange.
 */
#include <dlfcn.h>
#include <sasl/sasl.h>
#include <sasl/saslplug.h>
#include <sasl/saslutil.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST (1 << 20)

static const char NAMES[] = " mechanism user password secret authzid trace service host realm proxy min_ssf max_ssf maxbuf "
                            "flags external_ssf external binding critical initial success_data reauth ";
static char **words;
static char line[2 * MOST], bytes[MOST];
static unsigned length;

/* The value of the option behind the one at *place. */
static const char *next_option(const char *name, int *place) {
    size_t size = strlen(name);
    while (words[*place] && words[++*place])
        if (!strncmp(words[*place], name, size) && words[*place][size] == '=') return words[*place] + size + 1;
    return NULL;
}

static const char *option_or(const char *name, const char *otherwise) {
    int place = 1;
    const char *value = next_option(name, &place);
    return value ? value : otherwise;
}

static const char *option(const char *name) { return option_or(name, NULL); }

static unsigned number(const char *name) { return strtoul(option_or(name, "0"), NULL, 10); }

static void say(const char *word, const char *text, unsigned size) {
    static char encoded[2 * MOST];
    if (sasl_encode64(text ? text : "", size, encoded, sizeof encoded, NULL) != SASL_OK) exit(2);
    printf("%s %s\n", word, encoded);
    fflush(stdout);
}

static void say_alone(const char *word) {
    puts(word);
    fflush(stdout);
}

/* Gives the size; there is a NUL behind it. */
static unsigned decode(const char *text, char *into) {
    unsigned size;
    if (sasl_decode64(text, strlen(text), into, MOST, &size) != SASL_OK) exit(4);
    into[size] = 0;
    return size;
}

/* Reads a line; gives its first word, and what follows, decoded, in bytes and length. */
static const char *hear(void) {
    char *text;
    if (!fgets(line, sizeof line, stdin)) exit(0);
    line[strcspn(line, "\n")] = 0;
    text = strchr(line, ' ');
    if (text) *text++ = 0;
    length = decode(text ? text : "", bytes);
    return line;
}

static void fail(sasl_conn_t *connection, int code) {
    char text[1024];
    snprintf(text, sizeof text, "%d %s", code, connection ? sasl_errdetail(connection) : "");
    say("failure", text, strlen(text));
}

static int configure(void *context, const char *plugin, const char *name, const char **value, unsigned *size) {
    (void)context, (void)plugin;
    if (!strcmp(name, "auxprop_plugin")) *value = "one";
    else if (!strcmp(name, "pwcheck_method")) *value = "auxprop";
    else if (!strcmp(name, "log_level")) *value = "0";
    else if (!strcmp(name, "mech_list") && option("mechanism")) *value = option("mechanism");
    else if (!strcmp(name, "reauth_timeout")) *value = option_or("reauth", "0");
    else return SASL_FAIL;
    if (size) *size = strlen(*value);
    return SASL_OK;
}

/* What is kept under that name; 0 where nothing is. */
static unsigned keeps(const char *property, char *value) {
    const char *secret;
    size_t size = strlen(property);
    int place = 1;
    while ((secret = next_option("secret", &place)))
        if (!strncmp(secret, property, size) && secret[size] == ':') return decode(secret + size + 1, value);
    if (strcmp(property, "userPassword")) return 0;
    return strlen(strcpy(value, option_or("password", "")));
}

/* Knows one user, in every realm. */
static int look_up(void *global, sasl_server_params_t *params, unsigned flags, const char *name, unsigned size) {
    const struct propval *wanted = params->utils->prop_get(params->propctx);
    const char *user = option_or("user", "");
    unsigned local = strcspn(user, "@");
    static char value[MOST];
    (void)global;
    if (flags & SASL_AUXPROP_AUTHZID) return SASL_OK;
    for (; wanted && wanted->name; wanted++) {
        unsigned known;
        if (size < local || memcmp(name, user, local) || (size > local && name[local] != '@')) return SASL_NOUSER;
        known = wanted->values ? 0 : keeps(wanted->name + (*wanted->name == '*'), value);
        if (known) params->utils->prop_set(params->propctx, wanted->name, value, known);
    }
    return SASL_OK;
}

static int add_plugin(const sasl_utils_t *utils, int most, int *version, sasl_auxprop_plug_t **plugin, const char *name) {
    static sasl_auxprop_plug_t one = {.auxprop_lookup = look_up, .name = "one"};
    (void)utils, (void)most, (void)name;
    *version = SASL_AUXPROP_PLUG_VERSION;
    *plugin = &one;
    return SASL_OK;
}

/* libsasl2 asks after every exchange, also where nobody acts as another. */
static int may_act(sasl_conn_t *connection, void *context, const char *other, unsigned other_size, const char *user,
                   unsigned user_size, const char *realm, unsigned realm_size, struct propctx *properties) {
    const char *allowed = option_or("proxy", "");
    (void)connection, (void)context, (void)realm, (void)realm_size, (void)properties;
    if (other_size == user_size && !memcmp(other, user, user_size)) return SASL_OK;
    return other_size == strlen(allowed) && !memcmp(other, allowed, other_size) ? SASL_OK : SASL_NOAUTHZ;
}

static int give_name(void *context, int id, const char **value, unsigned *size) {
    (void)context;
    *value = option_or(id == SASL_CB_USER ? option("trace") ? "trace" : "authzid" : "user", "");
    if (size) *size = strlen(*value);
    return SASL_OK;
}

static int give_password(sasl_conn_t *connection, void *context, int id, sasl_secret_t **secret) {
    static sasl_secret_t *kept;
    const char *password = option_or("password", "");
    (void)connection, (void)context, (void)id;
    if (!kept) kept = malloc(sizeof *kept + strlen(password));
    kept->len = strlen(password);
    memcpy(kept->data, password, kept->len);
    *secret = kept;
    return SASL_OK;
}

static int give_realm(void *context, int id, const char **offered, const char **chosen) {
    (void)context, (void)id, (void)offered;
    *chosen = option("realm");
    return *chosen ? SASL_OK : SASL_FAIL;
}

typedef int (*callback)(void);
static sasl_callback_t for_server[] = {
    {SASL_CB_GETOPT, (callback)configure, NULL},
    {SASL_CB_LIST_END, NULL, NULL},
};
static sasl_callback_t for_proxies[] = {
    {SASL_CB_GETOPT, (callback)configure, NULL},
    {SASL_CB_PROXY_POLICY, (callback)may_act, NULL},
    {SASL_CB_LIST_END, NULL, NULL},
};
static sasl_callback_t for_client[] = {
    {SASL_CB_GETOPT, (callback)configure, NULL},   {SASL_CB_USER, (callback)give_name, NULL},
    {SASL_CB_AUTHNAME, (callback)give_name, NULL}, {SASL_CB_PASS, (callback)give_password, NULL},
    {SASL_CB_GETREALM, (callback)give_realm, NULL}, {SASL_CB_LIST_END, NULL, NULL},
};

/* In place of OpenSSL 3's, which refuses a key without parity bits: libsasl2 leaves them out, and so has no 3des. */
int DES_key_sched(void *key, void *schedule) {
    void *openssl = dlopen("libcrypto.so.3", RTLD_LAZY | RTLD_NOLOAD);
    void (*unchecked)(void *, void *) = openssl ? dlsym(openssl, "DES_set_key_unchecked") : NULL;
    if (!unchecked) exit(7);
    unchecked(key, schedule);
    return 0;
}

static void set_binding(sasl_conn_t *connection) {
    static char name[64], data[MOST];
    static sasl_channel_binding_t binding;
    const char *text = option("binding");
    if (!text) return;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(text, ":"), text);
    binding.name = name, binding.critical = number("critical");
    binding.len = decode(strchr(text, ':') + 1, data), binding.data = (unsigned char *)data;
    if (sasl_setprop(connection, SASL_CHANNEL_BINDING, &binding) != SASL_OK) exit(8);
}

static sasl_conn_t *set_up(sasl_conn_t *connection) {
    sasl_security_properties_t properties = {number("min_ssf"), number("max_ssf"), number("maxbuf"),
                                             number("flags"), NULL, NULL};
    sasl_ssf_t external = number("external_ssf");
    if (sasl_setprop(connection, SASL_SEC_PROPS, &properties) != SASL_OK) exit(8);
    if (sasl_setprop(connection, SASL_SSF_EXTERNAL, &external) != SASL_OK) exit(8);
    if (option("external") && sasl_setprop(connection, SASL_AUTH_EXTERNAL, option("external")) != SASL_OK) exit(8);
    set_binding(connection);
    return connection;
}

static unsigned connection_flags(void) { return number("success_data") ? SASL_SUCCESS_DATA : 0; }

static sasl_conn_t *new_server(void) {
    sasl_conn_t *connection;
    if (sasl_server_new(option_or("service", "smtp"), option_or("host", "mail.example.com"), option("realm"), NULL, NULL,
                        option("proxy") ? for_proxies : for_server, connection_flags(), &connection) != SASL_OK)
        exit(6);
    return set_up(connection);
}

static sasl_conn_t *new_client(void) {
    sasl_conn_t *connection;
    if (sasl_client_new(option_or("service", "smtp"), option_or("host", "mail.example.com"), NULL, NULL, NULL,
                        connection_flags(), &connection) != SASL_OK)
        exit(6);
    return set_up(connection);
}

static void offer(sasl_conn_t *connection) {
    const char *names;
    unsigned size;
    int code = sasl_listmech(connection, NULL, "", " ", "", &names, &size, NULL);
    if (code != SASL_OK) fail(connection, code);
    else say("offer", names, size);
}

static void serve(sasl_conn_t *connection) {
    static char mechanism[MOST];
    const char *out = NULL, *initial;
    unsigned size = 0;
    int code;
    while (!strcmp(hear(), "offer")) offer(connection);
    strcpy(mechanism, bytes);
    initial = strcmp(hear(), "none") ? bytes : NULL;
    code = sasl_server_start(connection, mechanism, initial, length, &out, &size);
    while (code == SASL_CONTINUE) {
        say("challenge", out, size);
        hear();
        code = sasl_server_step(connection, bytes, length, &out, &size);
    }
    if (code != SASL_OK) fail(connection, code);
    else if (out && number("success_data")) say("success", out, size);
    else say_alone("success");
}

static int begin(sasl_conn_t *connection) {
    const char *out = NULL, *chosen;
    unsigned size = 0;
    int waits = !strcmp(option_or("initial", "yes"), "no");
    int code = sasl_client_start(connection, option_or("mechanism", ""), NULL, waits ? NULL : &out, &size, &chosen);
    if (code != SASL_OK && code != SASL_CONTINUE) return code;
    say("mechanism", chosen, strlen(chosen));
    if (out) say("initial", out, size);
    else say_alone("none");
    return code;
}

/* The server's data with a success go the way of a challenge, but nothing goes back. */
static void connect_to(sasl_conn_t *connection) {
    const char *word = "", *out;
    unsigned size;
    int code = begin(connection);
    while ((code == SASL_OK || code == SASL_CONTINUE) && strcmp(word, "success")) {
        word = hear();
        if (!strcmp(word, "failure")) return;
        if (!strcmp(word, "success") && !length) break;
        code = sasl_client_step(connection, bytes, length, NULL, &out, &size);
        if ((code == SASL_OK || code == SASL_CONTINUE) && !strcmp(word, "challenge")) say("response", out, size);
    }
    if (code == SASL_OK) say_alone("success");
    else fail(connection, code);
}

static void say_property(sasl_conn_t *connection, const char *word, int property, int is_number) {
    const void *value = NULL;
    char text[16] = "";
    int code = sasl_getprop(connection, property, &value);
    if (code != SASL_OK || !value) return fail(connection, code);
    if (is_number) snprintf(text, sizeof text, "%u", *(const unsigned *)value);
    say(word, is_number ? text : value, strlen(is_number ? text : value));
}

static void convert(sasl_conn_t *connection, const char *word) {
    const char *out = NULL;
    unsigned size = 0;
    int wraps = !strcmp(word, "wrap");
    int code = wraps ? sasl_encode(connection, bytes, length, &out, &size)
                     : sasl_decode(connection, bytes, length, &out, &size);
    if (code != SASL_OK) fail(connection, code);
    else say(wraps ? "packet" : "plain", out, size);
}

static void answer_until_again(sasl_conn_t *connection) {
    for (;;) {
        const char *word = hear();
        if (!strcmp(word, "again")) return;
        else if (!strcmp(word, "user")) say_property(connection, word, SASL_USERNAME, 0);
        else if (!strcmp(word, "login")) say_property(connection, word, SASL_AUTHUSER, 0);
        else if (!strcmp(word, "ssf")) say_property(connection, word, SASL_SSF, 1);
        else if (!strcmp(word, "limit")) say_property(connection, word, SASL_MAXOUTBUF, 1);
        else if (!strcmp(word, "wrap") || !strcmp(word, "unwrap")) convert(connection, word);
        else exit(9);
    }
}

static void check_options(void) {
    char **word, name[64];
    for (word = words + 2; *word; word++) {
        snprintf(name, sizeof name, " %.*s ", (int)strcspn(*word, "="), *word);
        if (!strstr(NAMES, name)) exit(1);
    }
}

int main(int count, char **arguments) {
    int server = count > 1 && !strcmp(arguments[1], "server");
    if (count < 2) return 1;
    words = arguments;
    check_options();
    if (server) sasl_auxprop_add_plugin("one", add_plugin);
    if ((server ? sasl_server_init(for_server, "interop") : sasl_client_init(for_client)) != SASL_OK) return 5;
    if (server) sasl_auxprop_add_plugin("one", add_plugin);
    for (;;) {
        sasl_conn_t *connection = server ? new_server() : new_client();
        if (server) serve(connection);
        else connect_to(connection);
        answer_until_again(connection);
        sasl_dispose(&connection);
    }
}
