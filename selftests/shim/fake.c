// SPDX-License-Identifier: GPL-2.0
/* See fake.h. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fake.h"

#define FDS_MAX	4096

struct object {
	enum fake_kind kind;
	unsigned int refs;
	struct object *vm;	/* of a session */
	bool attached;		/* of a VM */
};

struct fake fake;
static struct object *objects[FDS_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define FEATURES	(HVSTEP_FEATURE_STEP_ONE | HVSTEP_FEATURE_COUNTERS | 1ULL << 40)

/* For `hvstep status`, which has no test program around it to say so. */
__attribute__((constructor))
static void from_environment(void)
{
	const char *value;

	value = getenv("FAKE_OPEN_ERRNO");
	if (value)
		fake.open_errno = atoi(value);
	value = getenv("FAKE_INFO_ERRNO");
	if (value)
		fake.info_errno = atoi(value);
	value = getenv("FAKE_HOST");
	if (value)
		fake.host = strtoul(value, NULL, 0);
	value = getenv("FAKE_FEATURES");
	fake.features = value ? strtoull(value, NULL, 0) : FEATURES;
}

static struct object *object(int fd)
{
	return fd >= 0 && fd < FDS_MAX ? objects[fd] : NULL;
}

static int fail(int err)
{
	errno = err;
	return -1;
}

static int install(enum fake_kind kind, struct object *vm)
{
	bool device = kind == FAKE_KVM || kind == FAKE_FOREIGN;
	int fd = device ? syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC) :
			  eventfd(0, EFD_CLOEXEC);

	if (fd < 0 || fd >= FDS_MAX)
		abort();
	objects[fd] = calloc(1, sizeof(struct object));
	*objects[fd] = (struct object){ .kind = kind, .refs = 1, .vm = vm };
	return fd;
}

static void drop(int fd)
{
	struct object *o = object(fd);

	if (!o)
		return;
	objects[fd] = NULL;
	/* Objects are never freed: a session may outlive its VM's descriptor. */
	if (--o->refs == 0 && o->kind == FAKE_SESSION)
		o->vm->attached = false;
}

int fake_new(enum fake_kind kind)
{
	int fd;

	pthread_mutex_lock(&lock);
	fd = install(kind, NULL);
	pthread_mutex_unlock(&lock);
	return fd;
}

enum fake_kind fake_kind_of(int fd)
{
	return object(fd) ? object(fd)->kind : FAKE_NONE;
}

unsigned int fake_count(enum fake_kind kind)
{
	unsigned int n = 0;

	for (int fd = 0; fd < FDS_MAX; fd++)
		n += fake_kind_of(fd) == kind;
	return n;
}

int fake_find(enum fake_kind kind)
{
	for (int fd = 0; fd < FDS_MAX; fd++)
		if (fake_kind_of(fd) == kind)
			return fd;
	return -1;
}

bool fake_attached(int vm_fd)
{
	return object(vm_fd)->attached;
}

static bool all_zero(const void *p, size_t size)
{
	const char *c = p;

	while (size--)
		if (*c++)
			return false;
	return true;
}

static int attach(struct hvstep_attach *a)
{
	struct object *vm = object(a->vm_fd);
	int fd;

	fake.attach_calls++;
	if (a->flags || !all_zero(a->reserved, sizeof(a->reserved))) {
		fake.malformed++;
		return fail(EINVAL);
	}
	if (!vm && syscall(SYS_fcntl, a->vm_fd, F_GETFD) < 0)
		return fail(EBADF);
	if (!vm || vm->kind != FAKE_VM)
		return fail(EINVAL);
	if (fake.attach_eintr > 0) {
		fake.attach_eintr--;
		return fail(EINTR);
	}
	if (fake.attach_errno)
		return fail(fake.attach_errno);
	if (vm->attached)
		return fail(EBUSY);
	vm->attached = true;
	fake.attached_fd = a->vm_fd;
	fd = install(FAKE_SESSION, vm);
	return fd;
}

static int module_ioctl(int fd, unsigned long request, void *arg)
{
	struct hvstep_info *info = arg;

	switch (object(fd)->kind) {
	case FAKE_MODULE:
		if (request == HVSTEP_ATTACH)
			return attach(arg);
		if (request != HVSTEP_GET_INFO)
			break;
		if (fake.info_errno)
			return fail(fake.info_errno);
		memset(info, 0, sizeof(*info));
		info->features = fake.features;
		info->policies = HVSTEP_POLICY_TRACE_ALL;
		info->host = fake.host;
		info->attached = 2;
		return 0;
	case FAKE_SESSION:
		if (request == HVSTEP_GET_POLICY) {
			*(struct hvstep_policy *)arg = fake.policy;
			return 0;
		}
		if (request != HVSTEP_SET_POLICY)
			break;
		if (fake.policy_errno)
			return fail(fake.policy_errno);
		fake.policy = *(struct hvstep_policy *)arg;
		fake.set_policies++;
		return 0;
	default:
		break;
	}
	return fail(ENOTTY);
}

static int kvm_ioctl(int fd, unsigned long request, unsigned long arg)
{
	enum fake_kind kind = object(fd)->kind;

	fake.calls++;
	fake.fd = fd;
	fake.request = request;
	fake.arg = arg;
	if (kind == FAKE_FOREIGN)
		return fake.foreign < 0 ? fail(ENOTTY) : fake.foreign;
	switch ((unsigned int)request) {
	case KVM_CREATE_VM:
		if (kind != FAKE_KVM)
			break;
		return fake.create_errno ? fail(fake.create_errno) : install(FAKE_VM, NULL);
	case KVM_CREATE_VCPU:
		if (kind != FAKE_VM)
			break;
		return install(FAKE_VCPU, NULL);
	case KVM_CHECK_EXTENSION:
		if (kind == FAKE_VCPU)
			break;
		if (arg != KVM_CAP_PPC_GUEST_DEBUG_SSTEP)
			return 0;
		return fake.sstep < 0 ? fail(EINVAL) : fake.sstep;
	case KVM_SET_GUEST_DEBUG:
		if (kind != FAKE_VCPU)
			break;
		return fake.debug_errno ? fail(fake.debug_errno) : 0;
	case KVM_RUN:
		if (kind != FAKE_VCPU)
			break;
		return 0;
	}
	return fail(ENOTTY);
}

int ioctl(int fd, unsigned long request, ...)
{
	enum fake_kind kind;
	unsigned long arg;
	va_list ap;
	int ret;

	va_start(ap, request);
	arg = va_arg(ap, unsigned long);
	va_end(ap);
	kind = fake_kind_of(fd);
	if (kind == FAKE_NONE)
		return syscall(SYS_ioctl, fd, request, arg);
	pthread_mutex_lock(&lock);
	if (kind == FAKE_MODULE || kind == FAKE_SESSION)
		ret = module_ioctl(fd, request, (void *)arg);
	else
		ret = kvm_ioctl(fd, request, arg);
	pthread_mutex_unlock(&lock);
	if (kind == FAKE_MODULE && request == HVSTEP_ATTACH && fake.attach_delay)
		usleep(fake.attach_delay);
	return ret;
}

int open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	if (strcmp(path, "/dev/hvstep") == 0) {
		/* A cancellation point, as the original. */
		pthread_testcancel();
		fake.opens++;
		return fake.open_errno ? fail(fake.open_errno) : fake_new(FAKE_MODULE);
	}
	if (flags & O_CREAT) {
		va_start(ap, flags);
		mode = va_arg(ap, unsigned int);
		va_end(ap);
	}
	return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int close(int fd)
{
	int ret;

	pthread_mutex_lock(&lock);
	drop(fd);
	ret = syscall(SYS_close, fd);
	pthread_mutex_unlock(&lock);
	return ret;
}

static int duplicate(int from, int to)
{
	if (to < 0)
		return to;
	if (to >= FDS_MAX)
		abort();
	drop(to);
	objects[to] = object(from);
	if (objects[to])
		objects[to]->refs++;
	return to;
}

int dup2(int from, int to)
{
	int ret;

	pthread_mutex_lock(&lock);
	ret = duplicate(from, syscall(SYS_dup3, from, to, 0));
	pthread_mutex_unlock(&lock);
	return ret;
}

int fcntl(int fd, int cmd, ...)
{
	unsigned long arg;
	va_list ap;
	int ret;

	va_start(ap, cmd);
	arg = va_arg(ap, unsigned long);
	va_end(ap);
	pthread_mutex_lock(&lock);
	ret = syscall(SYS_fcntl, fd, cmd, arg);
	if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC)
		ret = duplicate(fd, ret);
	pthread_mutex_unlock(&lock);
	return ret;
}

int fstat(int fd, struct stat *st)
{
	int ret = fstatat(fd, "", st, AT_EMPTY_PATH);

	if (ret == 0 && fake_kind_of(fd) == FAKE_KVM)
		st->st_rdev = makedev(10, 232);
	return ret;
}

/* What fstat() was before glibc 2.33. */
int __fxstat(int version, int fd, struct stat *st);
int __fxstat(int version, int fd, struct stat *st)
{
	(void)version;
	return fstat(fd, st);
}
