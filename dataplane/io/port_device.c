#include "dataplane/io/port_device.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

// -- the text --

static bool is_pci_address(const char *name, char *out, size_t out_size)
{
	unsigned domain = 0, bus, slot, function;
	int end = 0;

	if (sscanf(name, "%4x:%2x:%2x.%1u%n", &domain, &bus, &slot, &function, &end) != 4) {
		domain = 0;
		end = 0;
		if (sscanf(name, "%2x:%2x.%1u%n", &bus, &slot, &function, &end) != 3)
			return false;
	}
	if (name[end] != '\0' || slot > 31 || function > 7)
		return false;
	snprintf(out, out_size, "%04x:%02x:%02x.%u", domain, bus, slot, function);
	return true;
}

int device_text_read(struct device_text *d, const char *text)
{
	size_t name_len = strcspn(text, ",");
	char address[16];

	if (name_len == 0 || strlen(text) >= DEVICE_TEXT_MAX)
		return -EINVAL;
	memset(d, 0, sizeof(*d));
	memcpy(d->name, text, name_len);
	if (text[name_len] == ',')
		strcpy(d->args, text + name_len + 1);
	d->is_pci = is_pci_address(d->name, address, sizeof(address));
	if (d->is_pci)
		strcpy(d->name, address);
	return 0;
}

bool device_text_arg(const struct device_text *d, const char *key, char *value)
{
	size_t key_len = strlen(key);
	const char *at = d->args;

	while (*at != '\0') {
		size_t len = strcspn(at, ",");

		if (len > key_len && strncmp(at, key, key_len) == 0 && at[key_len] == '=') {
			memcpy(value, at + key_len + 1, len - key_len - 1);
			value[len - key_len - 1] = '\0';
			return true;
		}
		at += len + (at[len] == ',');
	}
	return false;
}

static bool is_driver(const struct device_text *d, const char *driver)
{
	return !d->is_pci && strncmp(d->name, driver, strlen(driver)) == 0;
}

static const struct {
	const char *driver, *key;
} queue_args[] = {
	{"net_af_packet", "qpairs"},
	{"net_af_xdp", "queue_count"},
	{"net_virtio_user", "queues"},
	{"net_vhost", "queues"},
};

int device_text_add_queues(struct device_text *d, uint16_t n)
{
	char value[DEVICE_TEXT_MAX];

	for (size_t i = 0; i < sizeof(queue_args) / sizeof(queue_args[0]); i++) {
		size_t used = strlen(d->args);
		int len;

		if (!is_driver(d, queue_args[i].driver) ||
		    device_text_arg(d, queue_args[i].key, value))
			continue;
		len = snprintf(d->args + used, sizeof(d->args) - used, "%s%s=%u",
			       used > 0 ? "," : "", queue_args[i].key, n);
		if (len < 0 || (size_t)len >= sizeof(d->args) - used)
			return -EINVAL;
	}
	return 0;
}

bool device_text_has_pairs(const struct device_text *d)
{
	for (size_t i = 0; i < sizeof(queue_args) / sizeof(queue_args[0]); i++)
		if (is_driver(d, queue_args[i].driver))
			return true;
	return is_driver(d, "net_tap");
}

// -- what it needs --

static int check_iface(const struct device_text *d, char *why, size_t why_size)
{
	char iface[DEVICE_TEXT_MAX];

	if (!device_text_arg(d, "iface", iface)) {
		snprintf(why, why_size, "it needs iface=NAME");
		return -1;
	}
	if (if_nametoindex(iface) == 0) {
		snprintf(why, why_size, "network interface %.32s does not exist", iface);
		return -1;
	}
	return 0;
}

static int check_packet_socket(const struct device_text *d, char *why, size_t why_size)
{
	int fd;

	if (check_iface(d, why, why_size) != 0)
		return -1;
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	if (fd >= 0) {
		close(fd);
		return 0;
	}
	snprintf(why, why_size, "packet sockets: %s%s", strerror(errno),
		 errno == EPERM ? " (be root, or have CAP_NET_RAW and CAP_NET_ADMIN)" : "");
	return -1;
}

static int check_tap(const struct device_text *d, char *why, size_t why_size)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		close(fd);
		return 0;
	}
	snprintf(why, why_size, "/dev/net/tun: %s", strerror(errno));
	return -1;
}

// A virtio_user client connects at once; as a server it waits.
static int check_virtio_user(const struct device_text *d, char *why, size_t why_size)
{
	char path[DEVICE_TEXT_MAX], server[DEVICE_TEXT_MAX];
	struct stat st;

	if (!device_text_arg(d, "path", path)) {
		snprintf(why, why_size, "it needs path=SOCKET");
		return -1;
	}
	if (device_text_arg(d, "server", server) && strcmp(server, "0") != 0)
		return 0;
	if (stat(path, &st) == 0)
		return 0;
	snprintf(why, why_size, "%.128s: %s (the vhost side makes this socket and starts first)",
		 path, strerror(errno));
	return -1;
}

static int check_pci(const struct device_text *d, char *why, size_t why_size)
{
	char path[DEVICE_TEXT_MAX + 32];
	struct stat st;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", d->name);
	if (stat(path, &st) == 0)
		return 0;
	snprintf(why, why_size, "there is no PCI device %.32s", d->name);
	return -1;
}

static const struct {
	const char *driver;
	int (*check)(const struct device_text *, char *why, size_t why_size);
} checks[] = {
	{"net_af_packet", check_packet_socket},
	{"net_af_xdp", check_iface},
	{"net_tap", check_tap},
	{"net_virtio_user", check_virtio_user},
};

int device_check(const struct device_text *d, char *why, size_t why_size)
{
	if (d->is_pci)
		return check_pci(d, why, why_size);
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (is_driver(d, checks[i].driver))
			return checks[i].check(d, why, why_size);
	return 0;
}
