#include "dataplane/io/port_device.h"

#include <errno.h>
#include <unistd.h>

#include "tests/support/test.h"

static const struct {
	const char *text, *name, *args;
	bool is_pci;
} texts[] = {
	{"net_tap0", "net_tap0", "", false},
	{"net_af_packet0,iface=va,qdisc_bypass=1", "net_af_packet0", "iface=va,qdisc_bypass=1",
	 false},
	{"0000:03:00.0", "0000:03:00.0", "", true},
	{"03:00.1", "0000:03:00.1", "", true},
	{"0001:0A:1f.7,x=1", "0001:0a:1f.7", "x=1", true},
	{"03:00.8", "03:00.8", "", false}, // there is no function 8: whatever it is, it is not PCI
	{"03:00.0x", "03:00.0x", "", false},
};

static void texts_are_a_name_and_arguments(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct device_text d;

		assert_row(device_text_read(&d, texts[i].text) == 0, texts[i].text);
		assert_string_equal(d.name, texts[i].name);
		assert_string_equal(d.args, texts[i].args);
		assert_row(d.is_pci == texts[i].is_pci, texts[i].text);
	}
}

static void empty_and_endless_texts_are_refused(void **state)
{
	char text[DEVICE_TEXT_MAX + 1];
	struct device_text d;

	memset(text, 'x', sizeof(text) - 1);
	text[DEVICE_TEXT_MAX] = '\0';
	assert_int_equal(device_text_read(&d, ""), -EINVAL);
	assert_int_equal(device_text_read(&d, ",iface=x"), -EINVAL);
	assert_int_equal(device_text_read(&d, text), -EINVAL);
	text[DEVICE_TEXT_MAX - 1] = '\0';
	assert_int_equal(device_text_read(&d, text), 0);
}

static void arguments_are_found_by_their_whole_name(void **state)
{
	char value[DEVICE_TEXT_MAX];
	struct device_text d;

	device_text_read(&d, "net_x,xiface=no,iface=va,queues=,last=z");
	assert_true(device_text_arg(&d, "iface", value));
	assert_string_equal(value, "va");
	assert_true(device_text_arg(&d, "queues", value));
	assert_string_equal(value, "");
	assert_true(device_text_arg(&d, "last", value));
	assert_string_equal(value, "z");
	assert_false(device_text_arg(&d, "ifac", value));
	assert_false(device_text_arg(&d, "mac", value));
}

static const struct {
	const char *text, *args;
} queues[] = {
	{"net_af_packet0,iface=va", "iface=va,qpairs=3"},
	{"net_af_packet0,qpairs=1,iface=va", "qpairs=1,iface=va"},
	{"net_virtio_user0", "queues=3"},
	{"net_tap0,iface=x", "iface=x"},
	{"0000:03:00.0", ""},
};

static void drivers_that_want_to_be_told_are_told_their_queues(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(queues); i++) {
		struct device_text d;

		device_text_read(&d, queues[i].text);
		assert_int_equal(device_text_add_queues(&d, 3), 0);
		assert_string_equal(d.args, queues[i].args);
	}
}

static const struct {
	const char *text, *why; // part of it; NULL: nothing is missing
} devices[] = {
	{"net_null0", NULL},
	{"net_af_packet0", "needs iface="},
	{"net_af_packet0,iface=nosuchif0", "network interface nosuchif0 does not exist"},
	{"net_af_xdp0,iface=nosuchif0", "network interface nosuchif0 does not exist"},
	{"net_virtio_user0", "needs path="},
	{"net_virtio_user0,path=/nonexistent/vhost.sock", "/nonexistent/vhost.sock: No such file"},
	{"net_virtio_user0,path=/nonexistent/vhost.sock,server=1", NULL},
	{"ffff:1f:1f.7", "there is no PCI device ffff:1f:1f.7"},
};

static void what_is_missing_is_named(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(devices); i++) {
		struct device_text d;
		char why[200] = "";
		int err;

		device_text_read(&d, devices[i].text);
		err = device_check(&d, why, sizeof(why));
		assert_row(err == (devices[i].why != NULL ? -1 : 0), devices[i].text);
		if (devices[i].why != NULL && strstr(why, devices[i].why) == NULL)
			fail_msg("%s: \"%s\"", devices[i].text, why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_a_name_and_arguments),
		cmocka_unit_test(empty_and_endless_texts_are_refused),
		cmocka_unit_test(arguments_are_found_by_their_whole_name),
		cmocka_unit_test(drivers_that_want_to_be_told_are_told_their_queues),
		cmocka_unit_test(what_is_missing_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
