#include "tests/unit/control/admin/admin_test.h"

#include <sys/socket.h>
#include <sys/un.h>

// A far end that says exactly this, whatever it is asked, and closes.
struct puppet {
	char dir[32], path[48];
	int fd;
	const char *text;
	bool holds; // keeps the connection open until its thread is told to end
	int held;
	pthread_t thread;
};

static void *puppet_run(void *ctx)
{
	struct puppet *p = ctx;
	int fd = accept(p->fd, NULL, NULL);
	char request[64];

	if (recv(fd, request, sizeof(request), 0) > 0)
		(void)!send(fd, p->text, strlen(p->text), MSG_NOSIGNAL);
	if (p->holds)
		p->held = fd;
	else
		close(fd);
	return NULL;
}

static void puppet_start(struct puppet *p, const char *text, bool holds)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	*p = (struct puppet){.text = text, .holds = holds, .held = -1};
	dir_make(p->dir, p->path);
	strcpy(sun.sun_path, p->path);
	p->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(p->fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(p->fd, 1), 0);
	assert_int_equal(pthread_create(&p->thread, NULL, puppet_run, p), 0);
}

static void puppet_end(struct puppet *p)
{
	pthread_join(p->thread, NULL);
	if (p->held >= 0)
		close(p->held);
	close(p->fd);
	unlink(p->path);
	rmdir(p->dir);
}

static void the_reply_comes_without_its_line_end(void **state)
{
	struct daemon *d = *state;
	char *reply, why[128] = "untouched";

	assert_int_equal(admin_request(d->path, "echo x", PATIENCE_MS, &reply, why, sizeof(why)),
			 0);
	assert_string_equal(reply, "{\"ok\":true,\"result\":\"x\"}");
	assert_string_equal(why, "untouched");
	free(reply);
}

static void a_reply_of_megabytes_arrives_whole(void **state)
{
	struct daemon *d = *state;
	size_t frame = strlen("{\"ok\":true,\"result\":\"\"}");
	char *reply, why[128], request[32];
	// The longest that the daemon sends.
	size_t longest = ADMIN_REPLY_MAX - frame;

	snprintf(request, sizeof(request), "long %zu", longest);
	assert_int_equal(admin_request(d->path, request, PATIENCE_MS, &reply, why, sizeof(why)), 0);
	assert_int_equal(strlen(reply), ADMIN_REPLY_MAX);
	free(reply);
}

static void expect_failure(const char *path, uint32_t timeout_ms, int wanted,
			   const char *wanted_why)
{
	char *reply = (char *)path, why[256], whole[320];

	assert_int_equal(admin_request(path, "status", timeout_ms, &reply, why, sizeof(why)),
			 wanted);
	assert_null(reply);
	snprintf(whole, sizeof(whole), "%s: %s", path, wanted_why);
	assert_string_equal(why, whole);
}

static void who_cannot_be_reached_is_named_with_the_reason(void **state)
{
	char dir[32], path[48];
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	dir_make(dir, path);
	expect_failure(
		path, PATIENCE_MS, -ENOENT,
		"No such file or directory; is annulusd running, and is this its admin.socket?");
	strcpy(sun.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	close(fd);
	expect_failure(path, PATIENCE_MS, -ECONNREFUSED,
		       "Connection refused; is annulusd running, and is this its admin.socket?");
	unlink(path);
	rmdir(dir);
}

static void a_reply_that_breaks_off_is_none(void **state)
{
	struct puppet p;

	puppet_start(&p, "{\"ok\":true", false);
	expect_failure(p.path, PATIENCE_MS, -EPROTO,
		       "the connection was closed before the reply was whole");
	puppet_end(&p);
	puppet_start(&p, "", false);
	expect_failure(p.path, PATIENCE_MS, -EPROTO,
		       "the connection was closed before the reply was whole");
	puppet_end(&p);
}

static void silence_ends_at_the_deadline(void **state)
{
	struct puppet p;

	puppet_start(&p, "{\"ok\":", true);
	expect_failure(p.path, 50, -ETIMEDOUT, "no reply in time");
	puppet_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DAEMON(the_reply_comes_without_its_line_end),
		WITH_DAEMON(a_reply_of_megabytes_arrives_whole),
		cmocka_unit_test(who_cannot_be_reached_is_named_with_the_reason),
		cmocka_unit_test(a_reply_that_breaks_off_is_none),
		cmocka_unit_test(silence_ends_at_the_deadline),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
