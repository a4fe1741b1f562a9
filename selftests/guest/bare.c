// SPDX-License-Identifier: GPL-2.0
/*
 * A guest without an operating system, to be debugged by its source: it runs
 * in real mode, little-endian, on one vCPU, and talks on the hypervisor's
 * console. Linux's own debug information is too large to carry around.
 *
 * The words in comments behind statements name lines: source_session.py looks
 * them up.
 */
#include <stdint.h>

#define H_PUT_TERM_CHAR		0x58
#define H_SET_MODE		0x31c
#define H_SET_MODE_RESOURCE_LE	4
#define TICKS_PER_SECOND	512000000UL

long hcall(long number, ...);
extern uint32_t vector_stub[], vector_stub_end[];
extern char vector_common[];

static const int numbers[] = { 3, 1, 4, 1, 5, 9 };
unsigned int counter;

/* H_PUT_TERM_CHAR takes up to 16 characters, the first in the high byte. */
static void put(const char *s)
{
	while (*s) {
		uint64_t word[2] = { 0, 0 };
		unsigned int n;

		for (n = 0; n < 16 && s[n]; n++)
			word[n / 8] |= (uint64_t)(uint8_t)s[n] << (56 - n % 8 * 8);
		/* The console is busy while it is not read. */
		while (hcall(H_PUT_TERM_CHAR, 0UL, (unsigned long)n, word[0], word[1]))
			;
		s += n;
	}
}

static void put_number(uint64_t value, unsigned int base)
{
	char digits[24];
	unsigned int n = sizeof(digits);

	digits[--n] = 0;
	do {
		digits[--n] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	put(digits + n);
}

/* No interrupt is expected: what arrives here is an error of whoever steps. */
void exception(uint64_t vector, uint64_t nip)
{
	put("guest: exception 0x");
	put_number(vector, 16);
	put(" at 0x");
	put_number(nip, 16);
	put("\n");
}

static void set_vector(uint64_t address)
{
	volatile uint32_t *to = (volatile uint32_t *)address;
	uint64_t common = (uint64_t)vector_common;
	unsigned int i, n = vector_stub_end - vector_stub;

	for (i = 0; i < n - 2; i++)
		to[i] = vector_stub[i];
	to[n - 2] = (uint32_t)common;
	to[n - 1] = common >> 32;
	for (i = 0; i < n; i++)
		__asm__ volatile("dcbst 0,%0; sync; icbi 0,%0; isync" : : "r"(to + i) : "memory");
}

static void set_vectors(void)
{
	uint64_t address;

	hcall(H_SET_MODE, 1UL, (unsigned long)H_SET_MODE_RESOURCE_LE, 0UL, 0UL);
	for (address = 0x100; address < 0xf00; address += 0x80)
		set_vector(address);
	for (address = 0xf00; address <= 0xf80; address += 0x20)
		set_vector(address);
}

static uint64_t timebase(void)
{
	uint64_t value;

	__asm__ volatile("mftb %0" : "=r"(value));
	return value;
}

static void wait(uint64_t ticks)
{
	uint64_t start = timebase();

	while (timebase() - start < ticks)
		;
}

static int square(int x)
{
	int result = x * x;		/* square: body */

	return result;			/* square: return */
}

int sum_squares(const int *v, int n)
{
	int sum = 0;			/* sum: init */
	int i;

	for (i = 0; i < n; i++)		/* sum: loop */
		sum += square(v[i]);	/* sum: add */
	return sum;			/* sum: return */
}

unsigned int fibonacci(unsigned int n)
{
	if (n < 2)			/* fib: test */
		return n;		/* fib: leaf */
	return fibonacci(n - 1) + fibonacci(n - 2);	/* fib: recurse */
}

void work(unsigned int tick)
{
	int sum;			/* work: declare */
	unsigned int fib;

	counter = tick;			/* work: count */
	sum = sum_squares(numbers, 6);	/* work: sum */
	fib = fibonacci(5);		/* work: fib */
	counter += sum;			/* work: add sum */
	counter += fib;			/* work: add fib */
}

int main(void)
{
	unsigned int tick;

	set_vectors();
	put("guest: up, bare\n");
	for (tick = 0;; tick++) {
		work(tick);		/* main: work */
		put("guest: tick ");
		put_number(tick, 10);
		put(" (");
		put_number(counter, 10);
		put(")\n");
		wait(TICKS_PER_SECOND / 2);
	}
}
