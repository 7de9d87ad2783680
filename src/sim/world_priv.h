/* A placement under way: the programs of a scene, and what is summed as their time passes. */
#ifndef CXMS_SIM_WORLD_PRIV_H
#define CXMS_SIM_WORLD_PRIV_H

#include <stdbool.h>

#include "sim/solve.h"
#include "sim/world.h"

struct cxms_event_loop;
struct cxms_spell;
struct cxms_spell_part;

/* A program on its way: where it stands, and the slice of the solver's threads that is its own. */
struct tenant {
	const struct cxms_world_in *in;
	struct cxms_world *world;
	size_t spell; /* of its epochs, now; n of them = through */
	size_t phase;
	double move_ns;		    /* to be waited by the threads of the next epoch that has any */
	bool moves;		    /* they wait for it now, and ask for nothing */
	double left;		    /* of the spell, 1 .. 0 */
	double length_ps;	    /* of the whole spell, stretched */
	size_t first, n_thread;	    /* of the solver's threads */
	struct cxms_new_cell *cell; /* [cell] */
	double asked, got;	    /* lines, middle */
};

struct scene {
	const struct cxms_fabric *fabric;
	size_t n_tenant;
	struct tenant *tenant;
	struct cxms_solve solve;
	struct cxms_demand *demand;    /* [thread of the solver][target] */
	struct cxms_spell_part *part;  /* thread of the solver -> cell of its program, share */
	struct cxms_load *room;	       /* for the checks */
	struct cxms_load *all, *own;   /* [server] of all programs, of one of them */
	struct cxms_load_cell *folded; /* [target of a host] of one cell */
	enum cxms_span span;
	struct cxms_noise_room noise;
	struct cxms_event_loop *loop; /* NULL = epoch engine */
	double now_ns;		      /* since all of them began */
};

/* The spell in which a program is. */
const struct cxms_spell *world_spell(const struct tenant *tn);
/* Put the threads of a program's spell, and what they ask for, behind those of the programs before
 * it. */
void world_load_spell(struct scene *s, struct tenant *tn);
/* A cell's load in the spell by target; borrowed until the next call. */
const struct cxms_load_cell *world_by_target(const struct scene *s,
					     const struct cxms_world_phase *phase,
					     const struct cxms_spell_part *part);
/* Until its spell, or its moves, are over. */
double world_until_ps(const struct tenant *tn);
/* @ps of the simulated time have passed, at most world_until_ps(). */
void world_account(const struct scene *s, struct tenant *tn, double ps);
/* What passed every server in @ns, with the loads of the spells that are under way. */
void world_add_servers(const struct scene *s, double ns);

#endif
