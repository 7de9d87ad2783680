/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For programs that want to talk to cxlmemsim while its exact source watches them; otherwise these
 * do nothing and cost a few cycles. One header, nothing to link; gcc and clang, C and C++.
 *
 *   CXLMEMSIM_ROI_BEGIN(), CXLMEMSIM_ROI_END()   the region of interest: what is timed
 *   CXLMEMSIM_TIME_NS()                          simulated time, ns; 0 where nobody simulates
 */
#ifndef CXLMEMSIM_H
#define CXLMEMSIM_H

#define CXLMEMSIM_REQUEST_ROI_BEGIN 0x434d0001ul
#define CXLMEMSIM_REQUEST_ROI_END   0x434d0002ul
#define CXLMEMSIM_REQUEST_TIME_NS   0x434d0003ul

/* The rotations add up to none, and nobody else writes them: under Valgrind they are a request,
 * rax points to its number and five arguments, rdx is the answer. */
static inline unsigned long cxlmemsim_request(unsigned long number)
{
	unsigned long answer = 0;
#if defined(__x86_64__) && defined(__LP64__)
	volatile unsigned long args[6] = {number, 0, 0, 0, 0, 0};

	__asm__ volatile("rolq $3, %%rdi\n\t"
			 "rolq $13, %%rdi\n\t"
			 "rolq $61, %%rdi\n\t"
			 "rolq $51, %%rdi\n\t"
			 "xchgq %%rbx, %%rbx"
			 : "+d"(answer)
			 : "a"(&args[0])
			 : "cc", "memory");
#else
	(void)number;
#endif
	return answer;
}

#define CXLMEMSIM_ROI_BEGIN() ((void)cxlmemsim_request(CXLMEMSIM_REQUEST_ROI_BEGIN))
#define CXLMEMSIM_ROI_END()   ((void)cxlmemsim_request(CXLMEMSIM_REQUEST_ROI_END))
#define CXLMEMSIM_TIME_NS()   cxlmemsim_request(CXLMEMSIM_REQUEST_TIME_NS)

#endif
