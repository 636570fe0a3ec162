#include "tests/unit/control/admin/admin_test.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

static int dial(const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	strcpy(sun.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return fd;
}

// Everything up to the end of the connection, or until `n_lines` have come.
static char *listen_to(int fd, unsigned n_lines)
{
	static char text[1 << 16];
	size_t len = 0;

	while (n_lines > 0 && len < sizeof(text) - 1) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n;

		assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
		n = read(fd, text + len, 1); // octet by octet: never into the next line
		if (n <= 0)
			break;
		n_lines -= text[len++] == '\n';
	}
	text[len] = 0;
	return text;
}

static void say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void a_request_is_a_line_and_so_is_the_reply(void **state)
{
	struct daemon *d = *state;
	int fd = dial(d->path);

	say(fd, "status\n");
	assert_string_equal(
		listen_to(fd, 1),
		"{\"ok\":true,\"result\":{\"state\":\"running\",\"uptime_us\":90000000}}\n");
	say(fd, "echo  a b\r\n");
	assert_string_equal(listen_to(fd, 1), "{\"ok\":true,\"result\":\" a b\"}\n");
	say(fd, "ec");
	say(fd, "ho\n");
	assert_string_equal(listen_to(fd, 1), "{\"ok\":true,\"result\":\"\"}\n");
	close(fd);
}

static void several_requests_at_once_are_answered_in_order(void **state)
{
	struct daemon *d = *state;
	int fd = dial(d->path);

	say(fd, "echo 1\necho 2\nnope\necho 3\n");
	assert_string_equal(
		listen_to(fd, 4),
		"{\"ok\":true,\"result\":\"1\"}\n"
		"{\"ok\":true,\"result\":\"2\"}\n"
		"{\"ok\":false,\"error\":\"unknown command `nope`; `help` lists them\"}\n"
		"{\"ok\":true,\"result\":\"3\"}\n");
	close(fd);
}

static void who_has_finished_asking_is_answered_and_then_closed(void **state)
{
	struct daemon *d = *state;
	int fd = dial(d->path);

	say(fd, "echo 1\necho 2\ncut");
	shutdown(fd, SHUT_WR);
	assert_string_equal(listen_to(fd, 99), "{\"ok\":true,\"result\":\"1\"}\n"
					       "{\"ok\":true,\"result\":\"2\"}\n");
	close(fd);
}

static void a_failed_command_is_an_error_with_its_name(void **state)
{
	struct daemon *d = *state;
	int fd = dial(d->path);

	say(fd, "fail\n");
	assert_string_equal(listen_to(fd, 1),
			    "{\"ok\":false,\"error\":\"there is none of that name\"}\n");
	say(fd, "flood\n");
	assert_string_equal(listen_to(fd, 1),
			    "{\"ok\":false,\"error\":\"the reply would be too long\"}\n");
	say(fd, "\n");
	assert_string_equal(listen_to(fd, 1),
			    "{\"ok\":false,\"error\":\"unknown command ``; `help` lists them\"}\n");
	assert_int_equal(write(fd, "echo a\0b\n", 9), 9);
	assert_string_equal(listen_to(fd, 1),
			    "{\"ok\":false,\"error\":\"the request has a zero octet\"}\n");
	close(fd);
}

static void a_line_without_end_is_cut_off(void **state)
{
	struct daemon *d = *state;
	char line[ADMIN_REQUEST_MAX + 100];
	int fd = dial(d->path);

	memset(line, 'a', sizeof(line));
	(void)!send(fd, line, sizeof(line), MSG_NOSIGNAL);
	assert_string_equal(listen_to(fd, 99),
			    "{\"ok\":false,\"error\":\"the request is too long\"}\n");
	close(fd);
	fd = dial(d->path);
	memcpy(line, "echo ", 5);
	line[ADMIN_REQUEST_MAX - 1] = '\n';
	assert_int_equal(write(fd, line, ADMIN_REQUEST_MAX), ADMIN_REQUEST_MAX);
	assert_int_equal(strlen(listen_to(fd, 1)),
			 strlen("{\"ok\":true,\"result\":\"\"}\n") + ADMIN_REQUEST_MAX - 6);
	close(fd);
}

static void connections_are_bounded(void **state)
{
	struct daemon *d = *state;
	int fds[ADMIN_CLIENTS_MAX], fd;

	for (unsigned i = 0; i < ADMIN_CLIENTS_MAX; i++) {
		fds[i] = dial(d->path);
		say(fds[i], "echo\n"); // answered: so it has been accepted
		listen_to(fds[i], 1);
	}
	fd = dial(d->path);
	assert_string_equal(listen_to(fd, 99),
			    "{\"ok\":false,\"error\":\"too many connections\"}\n");
	close(fd);
	shutdown(fds[3], SHUT_WR);
	assert_string_equal(listen_to(fds[3], 99),
			    ""); // closed by the daemon, too: there is room again
	fd = dial(d->path);
	say(fd, "echo\n");
	assert_string_equal(listen_to(fd, 1), "{\"ok\":true,\"result\":\"\"}\n");
	close(fd);
	for (unsigned i = 0; i < ADMIN_CLIENTS_MAX; i++)
		close(fds[i]);
}

static void who_leaves_in_the_middle_of_a_reply_harms_nobody(void **state)
{
	struct daemon *d = *state;
	int fd;

	for (unsigned i = 0; i < 10; i++) {
		fd = dial(d->path);
		say(fd, "long 1000000\nlong 1000000\n");
		close(fd);
	}
	fd = dial(d->path);
	say(fd, "echo still\n");
	assert_string_equal(listen_to(fd, 1), "{\"ok\":true,\"result\":\"still\"}\n");
	close(fd);
}

static void help_lists_what_was_registered(void **state)
{
	struct daemon *d = *state;
	int fd = dial(d->path);

	say(fd, "help\n");
	assert_non_null(
		strstr(listen_to(fd, 1), "{\"command\":\"echo\",\"meaning\":\"says it again\"}"));
	close(fd);
}

// ---- the socket's file
// ----------------------------------------------------------------------------

static void only_the_owner_may_use_it(void **state)
{
	struct daemon *d = *state;
	struct stat st;

	assert_int_equal(lstat(d->path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_living_socket_is_not_taken(void **state)
{
	struct daemon *d = *state;
	struct event_base *base = event_base_new();
	struct admin *second;

	assert_int_equal(admin_create(base, d->path, &second), -EADDRINUSE);
	assert_null(second);
	assert_int_equal(access(d->path, F_OK), 0);
	event_base_free(base);
}

static void a_dead_socket_is_replaced(void **state)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct event_base *base = event_base_new();
	struct admin *admin;
	char dir[32], path[48];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	dir_make(dir, path);
	strcpy(sun.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	close(fd); // as after a crash: the file stays
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(admin_create(base, path, &admin), 0);
	admin_destroy(admin);
	assert_int_equal(access(path, F_OK), -1);
	event_base_free(base);
	rmdir(dir);
}

static void a_file_that_is_no_socket_stays(void **state)
{
	struct event_base *base = event_base_new();
	struct admin *admin;
	char dir[32], path[48];
	FILE *f;

	dir_make(dir, path);
	f = fopen(path, "w");
	fclose(f);
	assert_int_equal(admin_create(base, path, &admin), -EEXIST);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(admin_create(base, "/nonexistent/s", &admin), -ENOENT);
	memset(path, 'a', 40);
	char long_path[200];
	memset(long_path, 'a', 199);
	long_path[199] = 0;
	assert_int_equal(admin_create(base, long_path, &admin), -ENAMETOOLONG);
	event_base_free(base);
	rmdir(dir);
}

static void anothers_socket_in_its_place_is_left_alone(void **state)
{
	struct event_base *base = event_base_new();
	struct admin *first, *second;
	char dir[32], path[48];

	dir_make(dir, path);
	assert_int_equal(admin_create(base, path, &first), 0);
	unlink(path);
	assert_int_equal(admin_create(base, path, &second), 0);
	admin_destroy(first);
	assert_int_equal(access(path, F_OK), 0);
	admin_destroy(second);
	assert_int_equal(access(path, F_OK), -1);
	event_base_free(base);
	rmdir(dir);
}

static void commands_are_bounded_and_have_one_name(void **state)
{
	static char names[ADMIN_COMMANDS_MAX][8];
	struct event_base *base = event_base_new();
	struct admin *admin;
	char dir[32], path[48];

	dir_make(dir, path);
	assert_int_equal(admin_create(base, path, &admin), 0);
	for (unsigned i = 0; i < ADMIN_COMMANDS_MAX; i++) { // `help` has one of the places
		int wanted = i < ADMIN_COMMANDS_MAX - 1 ? 0 : -ENOSPC;

		snprintf(names[i], sizeof(names[i]), "c%u", i);
		assert_int_equal(admin_register(admin, names[i], "", daemon_echo, NULL), wanted);
	}
	assert_int_equal(admin_register(admin, "help", "", daemon_echo, NULL), -EEXIST);
	admin_destroy(admin);
	event_base_free(base);
	rmdir(dir);
}

// The reply does not leave, the requests behind it fill the input: the loop must have nothing to do
// then. (libevent 2.1 calls a full input's reader again and again; found by tests/fuzz/admin.c.)
static void who_asks_on_and_does_not_listen_keeps_nobody_busy(void **state)
{
	static char requests[2 * ADMIN_REQUEST_MAX], text[1 << 16];
	const unsigned n_echoes = (sizeof(requests) - sizeof("long 9000000\n")) / strlen("echo\n");
	struct event_base *base = event_base_new();
	char dir[32], path[48];
	unsigned n_lines = 0;
	struct admin *admin;
	int fd;

	dir_make(dir, path);
	assert_int_equal(admin_create(base, path, &admin), 0);
	assert_int_equal(admin_register(admin, "long", "much", daemon_long, NULL), 0);
	assert_int_equal(admin_register(admin, "echo", "again", daemon_echo, NULL), 0);
	fd = dial(path);
	strcpy(requests, "long 9000000\n");
	for (unsigned i = 0; i < n_echoes; i++)
		strcat(requests, "echo\n");
	say(fd, requests);
	event_base_loop(base, EVLOOP_NONBLOCK); // returns at once, not when the client is dropped
	while (n_lines < 1 + n_echoes) {
		ssize_t n = recv(fd, text, sizeof(text), MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			event_base_loop(base, EVLOOP_NONBLOCK);
		else
			assert_true(n > 0);
		for (ssize_t i = 0; i < n; i++)
			n_lines += text[i] == '\n';
	}
	close(fd);
	admin_destroy(admin);
	event_base_free(base);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DAEMON(a_request_is_a_line_and_so_is_the_reply),
		WITH_DAEMON(several_requests_at_once_are_answered_in_order),
		WITH_DAEMON(who_has_finished_asking_is_answered_and_then_closed),
		WITH_DAEMON(a_failed_command_is_an_error_with_its_name),
		WITH_DAEMON(a_line_without_end_is_cut_off),
		WITH_DAEMON(connections_are_bounded),
		WITH_DAEMON(who_leaves_in_the_middle_of_a_reply_harms_nobody),
		WITH_DAEMON(help_lists_what_was_registered),
		WITH_DAEMON(only_the_owner_may_use_it),
		WITH_DAEMON(a_living_socket_is_not_taken),
		cmocka_unit_test(a_dead_socket_is_replaced),
		cmocka_unit_test(a_file_that_is_no_socket_stays),
		cmocka_unit_test(anothers_socket_in_its_place_is_left_alone),
		cmocka_unit_test(commands_are_bounded_and_have_one_name),
		cmocka_unit_test(who_asks_on_and_does_not_listen_keeps_nobody_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
