/* A PKCS#11 module in front of another one, which breaks on demand as hardware and networks do.
 *
 * SHIM_MODULE is the module behind, SHIM_FAULT a file whose content says what is broken at the moment, SHIM_LOG a file that
 * gets a line for each log-in. The words:
 *   gone     the token is out of its slot; all sessions die as it goes
 *   lost..   all sessions die, once for each new word that begins so; the token stays
 *   hang     C_Sign does not return until the word changes
 *   flip     signatures have their last bit flipped
 *   short    signatures are cut in half
 *   denied   the key may not sign
 *   few      there are sessions for two only
 *   stuck    C_Login does not return until the word changes
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long number;
typedef number (*call)();
/* CK_FUNCTION_LIST of PKCS#11 2.40: a version and 68 functions in this order. */
struct list {
    unsigned char major, minor;
    call of[68];
};
enum { GET_SLOT_LIST = 4, GET_TOKEN_INFO = 6, OPEN_SESSION = 12, CLOSE_SESSION = 13, CLOSE_ALL_SESSIONS = 14,
       LOGIN = 18, GET_ATTRIBUTE_VALUE = 24, FIND_OBJECTS_INIT = 26, FIND_OBJECTS = 27,
       FIND_OBJECTS_FINAL = 28, SIGN_INIT = 42, SIGN = 43 };
enum { OK = 0, DEVICE_REMOVED = 0x32, KEY_FUNCTION_NOT_PERMITTED = 0x68, SESSION_COUNT = 0xb1 };

static struct list real, ours;
static pthread_rwlock_t transition = PTHREAD_RWLOCK_INITIALIZER;
static char current[32];
static number slot;
static long open_sessions;

static void read_word(char word[32]) {
    ssize_t length = 0;
    int file = open(getenv("SHIM_FAULT"), O_RDONLY);
    if (file >= 0) {
        length = read(file, word, 31);
        close(file);
    }
    word[length > 0 ? length : 0] = 0;
}

static int broken(const char *how) {
    char word[32];
    read_word(word);
    return strcmp(word, how) == 0;
}

/* Takes notice of a new word, then holds off the next change until leave(). */
static void enter(void) {
    char word[32];
    read_word(word);
    pthread_rwlock_rdlock(&transition);
    if (strcmp(word, current) == 0)
        return;
    pthread_rwlock_unlock(&transition);
    pthread_rwlock_wrlock(&transition);
    if (strcmp(word, current) != 0 && (strcmp(word, "gone") == 0 || strncmp(word, "lost", 4) == 0))
        real.of[CLOSE_ALL_SESSIONS](slot);
    strcpy(current, word);
    pthread_rwlock_unlock(&transition);
    pthread_rwlock_rdlock(&transition);
}

static number leave(number value) {
    pthread_rwlock_unlock(&transition);
    return value;
}

#define PASS(index, ...) leave(strcmp(current, "gone") == 0 ? DEVICE_REMOVED : real.of[index](__VA_ARGS__))

static number get_slot_list(unsigned char present, number *slots, number *count) {
    enter();
    if (strcmp(current, "gone") == 0) {
        *count = 0;
        return leave(OK);
    }
    return PASS(GET_SLOT_LIST, present, slots, count);
}

static number get_token_info(number in, void *info) {
    enter();
    return PASS(GET_TOKEN_INFO, in, info);
}

static number open_session(number in, number flags, void *application, void *notify, number *session) {
    enter();
    slot = in;
    if (strcmp(current, "few") == 0 && __atomic_load_n(&open_sessions, __ATOMIC_SEQ_CST) >= 2)
        return leave(SESSION_COUNT);
    __atomic_add_fetch(&open_sessions, 1, __ATOMIC_SEQ_CST);
    return PASS(OPEN_SESSION, in, flags, application, notify, session);
}

static number close_session(number session) {
    enter();
    __atomic_sub_fetch(&open_sessions, 1, __ATOMIC_SEQ_CST);
    return PASS(CLOSE_SESSION, session);
}

static number login(number session, number user, void *pin, number length) {
    FILE *log = fopen(getenv("SHIM_LOG"), "a");
    if (log) {
        fputs("C_Login\n", log);
        fclose(log);
    }
    while (broken("stuck"))
        usleep(5000);
    enter();
    return PASS(LOGIN, session, user, pin, length);
}

static number get_attribute_value(number session, number object, void *template, number count) {
    enter();
    return PASS(GET_ATTRIBUTE_VALUE, session, object, template, count);
}

static number find_objects_init(number session, void *template, number count) {
    enter();
    return PASS(FIND_OBJECTS_INIT, session, template, count);
}

static number find_objects(number session, number *objects, number most, number *count) {
    enter();
    return PASS(FIND_OBJECTS, session, objects, most, count);
}

static number find_objects_final(number session) {
    enter();
    return PASS(FIND_OBJECTS_FINAL, session);
}

static number sign_init(number session, void *mechanism, number key) {
    enter();
    if (strcmp(current, "denied") == 0)
        return leave(KEY_FUNCTION_NOT_PERMITTED);
    return PASS(SIGN_INIT, session, mechanism, key);
}

static number sign(number session, unsigned char *data, number length, unsigned char *signature, number *size) {
    while (signature && broken("hang"))
        usleep(5000);
    enter();
    number value = PASS(SIGN, session, data, length, signature, size);
    if (value == OK && signature && broken("flip"))
        signature[*size - 1] ^= 1;
    if (value == OK && signature && broken("short"))
        *size /= 2;
    return value;
}

number C_GetFunctionList(struct list **list) {
    struct list *behind = NULL;
    void *module = dlopen(getenv("SHIM_MODULE"), RTLD_NOW | RTLD_LOCAL);
    call get = module ? (call)dlsym(module, "C_GetFunctionList") : NULL;
    if (!get || get(&behind) != OK) {
        fprintf(stderr, "shim: %s\n", dlerror());
        return DEVICE_REMOVED;
    }
    real = ours = *behind;
    ours.of[GET_SLOT_LIST] = (call)get_slot_list;
    ours.of[GET_TOKEN_INFO] = get_token_info;
    ours.of[OPEN_SESSION] = open_session;
    ours.of[CLOSE_SESSION] = close_session;
    ours.of[LOGIN] = login;
    ours.of[GET_ATTRIBUTE_VALUE] = get_attribute_value;
    ours.of[FIND_OBJECTS_INIT] = find_objects_init;
    ours.of[FIND_OBJECTS] = find_objects;
    ours.of[FIND_OBJECTS_FINAL] = find_objects_final;
    ours.of[SIGN_INIT] = sign_init;
    ours.of[SIGN] = sign;
    *list = &ours;
    return OK;
}
