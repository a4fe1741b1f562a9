// SPDX-License-Identifier: GPL-2.0
/*
 * The module comes and goes while VMs run: they do not notice. It does not go
 * while it is needed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "cells.h"
#include "faults.h"
#include "runner.h"

static const char *missing(void)
{
	if (getuid())
		return "root is needed to load modules";
	if (system("modinfo -n hvstep >/dev/null 2>&1"))
		return "modprobe does not find the module hvstep";
	return NULL;
}

static int unload(void)
{
	return syscall(SYS_delete_module, "hvstep", O_NONBLOCK) ? -errno : 0;
}

/* A file that a killed process had open is closed a little later. */
static int unload_soon(void)
{
	int i, ret;

	for (i = 0; i < 200 && (ret = unload()) == -EWOULDBLOCK; i++)
		usleep(10000);
	return ret;
}

/* Not system(): it blocks SIGCHLD, so that the running vCPU would get it. */
static void load(void)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		execlp("modprobe", "modprobe", "hvstep", NULL);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		vm_fail("modprobe hvstep failed");
}

/* Two VMs; nothing attached yet */
FIXTURE(module) {
	struct vm *vm;
	struct vcpu *v;
	struct vm *other_vm;
	struct vcpu *other;
};

FIXTURE_VARIANT(module) {
	struct cell cell;
};

CELL(module, be_real, .be_code = true);
CELL(module, le_ail3, .ile = true, .ail = true);

FIXTURE_SETUP(module)
{
	const char *why = cell_missing(&variant->cell) ?: missing();

	SKIP_REFERENCE();
	if (why)
		SKIP(return, "%s", why);
	/* Whatever the test before has left */
	load();
	if (attached())
		SKIP(return, "somebody uses hvstep");
	ignore_sigusr1();
	self->vm = vm_create(&variant->cell);
	self->v = vm_vcpu(self->vm, 0);
	ring_start(self->v, CODE_RA);
	vm_seal(self->vm);
	self->other_vm = vm_create(&variant->cell);
	self->other = vm_vcpu(self->other_vm, 0);
	ring_start(self->other, CODE_RA);
	vm_seal(self->other_vm);
}

FIXTURE_TEARDOWN(module)
{
	vm_destroy(self->vm);
	vm_destroy(self->other_vm);
	load();
}

TEST_F(module, loaded_while_running)
{
	struct runner runner;

	ASSERT_EQ(0, unload());
	runner_start(&runner, self->v, false);
	load();
	EXPECT_TRUE(runner_goes_on(&runner));
	EXPECT_EQ(0, read_once(&runner.interrupted));
	vm_attach(self->vm);
	EXPECT_TRUE(runner_goes_on(&runner));
	runner_stop(&runner);
	ring_turns(self->v);
	vm_detach(self->vm);
}

TEST_F(module, unloaded_while_running)
{
	struct runner runner;

	/* The hook is there when the other VM enters KVM_RUN. */
	vm_attach(self->vm);
	runner_start(&runner, self->other, false);
	ring_turns(self->v);
	vm_detach(self->vm);
	ASSERT_EQ(0, unload_soon());
	EXPECT_TRUE(runner_goes_on(&runner));
	EXPECT_EQ(0, read_once(&runner.interrupted));
	runner_stop(&runner);
	vm_check_sealed(self->other_vm, "unloaded");
	vm_check_sealed(self->vm, "unloaded");
}

/* A VM that was stepped runs on when everything is gone. */
TEST_F(module, unloaded_while_detached_runs)
{
	struct runner runner;

	vm_attach(self->vm);
	runner_start(&runner, self->v, true);
	vm_detach(self->vm);
	ASSERT_EQ(0, unload_soon());
	EXPECT_TRUE(runner_goes_on(&runner));
	runner_stop(&runner);
	EXPECT_GT(read_once(&runner.steps), 0);
	vm_check_sealed(self->vm, "unloaded");
}

TEST_F(module, stays_while_attached)
{
	struct runner runner;

	vm_attach(self->vm);
	EXPECT_EQ(-EWOULDBLOCK, unload());
	runner_start(&runner, self->v, true);
	EXPECT_EQ(-EWOULDBLOCK, unload());
	EXPECT_TRUE(runner_goes_on(&runner));
	runner_stop(&runner);
	ring_turns(self->v);
	vm_detach(self->vm);
	EXPECT_EQ(0, unload_soon());
}

TEST_F_TIMEOUT(module, again_and_again, 120)
{
	struct runner runner;
	int i;

	vm_attach(self->vm);
	runner_start(&runner, self->other, false);
	vm_detach(self->vm);
	for (i = 0; i < 10; i++) {
		vm_attach(self->vm);
		ring_turns(self->v);
		vm_detach(self->vm);
		ASSERT_EQ(0, unload_soon());
		load();
	}
	EXPECT_TRUE(runner_goes_on(&runner));
	EXPECT_EQ(0, read_once(&runner.interrupted));
	runner_stop(&runner);
	vm_check_sealed(self->other_vm, "unloaded 10 times");
}

/* Its file, in memory; NULL: it is compressed, which the kernel need not be able to read */
static void *module_image(size_t *size)
{
	static const char suffix[] = ".ko\n";
	FILE *f = popen("modinfo -n hvstep", "r");
	char name[256] = "";
	struct stat st;
	void *image;
	size_t len;
	int fd;

	if (!f || !fgets(name, sizeof(name), f))
		vm_fail("modinfo: %s", strerror(errno));
	pclose(f);
	len = strlen(name);
	if (len < sizeof(suffix) || strcmp(name + len + 1 - sizeof(suffix), suffix))
		return NULL;
	name[len - 1] = 0;
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		vm_fail("%s: %s", name, strerror(errno));
	*size = st.st_size;
	image = mmap(NULL, *size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (image == MAP_FAILED)
		vm_fail("%s: %s", name, strerror(errno));
	close(fd);
	return image;
}

/* Each allocation of that fails once: it is loaded, or nothing of it is left. */
TEST_F_TIMEOUT(module, loaded_without_memory, 300)
{
	const char *why = faults_missing();
	int n, refused = 0;
	bool failed = true;
	void *image;
	size_t size;

	if (why)
		SKIP(return, "%s", why);
	/* Not finit_module(): that warns where it has no memory for the file. */
	image = module_image(&size);
	if (!image)
		SKIP(return, "the module's file is compressed");
	ASSERT_EQ(0, unload_soon());
	for (n = 1; failed && n < FAULTS_MANY; n++) {
		int ret;

		faults_begin(n);
		ret = syscall(SYS_init_module, image, size, "") ? -errno : 0;
		failed = faults_end();
		if (ret) {
			ASSERT_TRUE(failed);
			ASSERT_TRUE(ret == -ENOMEM || ret == -EFAULT)
				TH_LOG("place %d: %d", n, ret);
			ASSERT_EQ(-ENOENT, unload());
			refused++;
			continue;
		}
		vm_attach(self->vm);
		ring_turns(self->v);
		vm_detach(self->vm);
		ASSERT_EQ(0, unload_soon());
	}
	munmap(image, size);
	ASSERT_GT(FAULTS_MANY, n);
	printf("# %d places, of which %d made it fail\n", n - 2, refused);
	EXPECT_LT(0, refused);
}

/* kill -9 in the middle of a step: nothing holds the module. */
TEST_F_TIMEOUT(module, goes_after_kill, 120)
{
	int i;

	for (i = 0; i < 5; i++) {
		kill_while_stepping(&variant->cell, 1500 * i);
		ASSERT_EQ(0, unload_soon());
		load();
	}
}

KVM_TEST_MAIN
