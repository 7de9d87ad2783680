/*
 * A world: one placement in one fabric, simulated from begin to end. Every spell (spells.h) of
 * every epoch is solved, at the middle and at both ends of what the model leaves open.
 */
#ifndef CXMS_SIM_WORLD_H
#define CXMS_SIM_WORLD_H

#include <stddef.h>
#include <stdint.h>

#include "core/demand.h"
#include "sim/check.h"
#include "sim/load.h"
#include "sim/noise.h"
#include "sim/replay.h"
#include "sim/timeline.h"

struct cxms_cells;
struct cxms_err;
struct cxms_evidence;
struct cxms_fabric;
struct cxms_recording;

/** struct cxms_world_target - what a target was asked over the run, middle of the span */
struct cxms_world_target {
	double reads, writes;
	double latency_ps, utilization; /* means, weighted by lines */
	double stall_ns;
	double p50_ps, p99_ps, p999_ps; /* of the reads, event engine; 0 = not known */
};

/** struct cxms_world_server - what one program asked of a server over its run, middle of the span
 */
struct cxms_world_server {
	double reads, writes; /* lines */
	double wait_ps;	      /* sum over its lines; NAN = not known (event engine) */
	/* time that its lines kept the server busy; of a link [0] up and [1] down */
	double busy_ns[2];
};

struct cxms_world {
	struct cxms_noise *noise;	    /* [cell] middle */
	double time_ns[CXMS_SPAN_COUNT][2]; /* by enum cxms_blocked */
	double cause_ns[CXMS_CAUSE_COUNT];  /* middle, the blocked mode asked for */
	double taken_ns;		    /* of the cause blocked, likewise (timeline.h) */
	double *thread_cpu_ns;		    /* [thread] middle */
	struct cxms_world_target *target;   /* [target of the host] */
	struct cxms_world_server *server;   /* [server of the fabric] */
	double *phase_ns;		    /* [phase] how long it lasted, middle */
	double span_ns;			    /* time that servers and phases are of, middle */
	double exposed_waits;		    /* middle */
	double free_waits;		    /* waits whose lines are not known */
	double free_lines;		    /* lines that were taken for those */
	double worst_residual, worst_gap;
	struct cxms_check check;
};

/** struct cxms_world_phase - demand from a time of the simulated run on; the first at 0 */
struct cxms_world_phase {
	double at_ns;
	const struct cxms_load_map *load;
	const double *miss; /* [target of a host] share that misses its page buffer; NULL: none */
	double move_ns;	    /* every thread waits so long when it begins, while pages move */
};

/** struct cxms_world_in - a program in the fabric; all is borrowed */
struct cxms_world_in {
	const struct cxms_recording *rec;
	const struct cxms_cells *cells;
	const struct cxms_evidence *ev;
	const struct cxms_fabric *fabric; /* the same for all that run together */
	size_t host;			  /* of the fabric, which the program runs on */
	const struct cxms_world_phase *phase;
	size_t n_phase; /* >= 1 */
	enum cxms_blocked blocked;
	enum cxms_engine engine; /* the same for all that run together */
	uint64_t seed;		 /* of the event engine, the same for all */
};
/**
 * cxms_world_run() - run @n >= 1 programs, which begin together, each on its own host
 * @in, @out: [n]
 *
 * The threads in the current spells of all programs are solved together. A spell is stretched by
 * the mean growth of its threads, weighted by their time on CPU. Time goes on to the first end of a
 * stretched spell; the others keep what is left of theirs. A program that is through asks for
 * nothing any more.
 * Return: 0 or -ENOMEM. Owner: cxms_world_fini() for each of @out
 */
int cxms_world_run(const struct cxms_world_in *in, size_t n, struct cxms_world *out,
		   struct cxms_err *err);
/** cxms_world_copy() - a copy of @from, which was run from @in. 0 or -ENOMEM. Owner:
 * cxms_world_fini() */
int cxms_world_copy(const struct cxms_world_in *in, const struct cxms_world *from,
		    struct cxms_world *out, struct cxms_err *err);
void cxms_world_fini(struct cxms_world *w);

#endif
