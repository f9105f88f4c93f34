//! How the checker goes through the interleavings.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};

/// Depth first through *every* interleaving in which at most so many times a task that could go on is made to wait.
///
/// Where a task ends or waits by itself, every other is tried. What takes more preemptions than this is left to chance: of
/// all known bugs of this kind nearly every one needs two at most (Musuvathi and Qadeer, "Iterative Context Bounding",
/// PLDI 2007).
#[derive(Debug)]
pub(crate) struct Bounded {
    preemptions: usize,
    left: usize,
    /// How many executions at most.
    budget: usize,
    complete: Arc<AtomicBool>,
    /// What was chosen at each step, out of how many.
    path: Vec<(usize, usize)>,
    step: usize,
    begun: bool,
}

impl Bounded {
    /// `complete` is set once there is nothing left to try.
    pub(crate) fn new(preemptions: usize, budget: usize, complete: Arc<AtomicBool>) -> Self {
        Self {
            preemptions,
            left: preemptions,
            budget,
            complete,
            path: Vec::new(),
            step: 0,
            begun: false,
        }
    }
}

impl Scheduler for Bounded {
    fn new_execution(&mut self) -> Option<Schedule> {
        if self.budget == 0 {
            return None;
        }
        self.budget -= 1;
        while self
            .path
            .pop_if(|(chosen, of)| *chosen + 1 == *of)
            .is_some()
        {}
        match self.path.last_mut() {
            Some((chosen, _)) => *chosen += 1,
            None if self.begun => {
                self.complete.store(true, Ordering::SeqCst);
                return None;
            }
            None => self.begun = true,
        }
        (self.left, self.step) = (self.preemptions, 0);
        Some(Schedule::new(0))
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        yields: bool,
    ) -> Option<TaskId> {
        let mut options: Vec<_> = runnable.iter().map(|task| task.id()).collect();
        let goes_on = options
            .iter()
            .position(|task| Some(*task) == current && !yields);
        if let Some(at) = goes_on {
            options.swap(0, at);
            if self.left == 0 {
                options.truncate(1);
            }
        }
        if self.step == self.path.len() {
            self.path.push((0, options.len()));
        }
        let (chosen, of) = self.path[self.step];
        assert_eq!(of, options.len(), "the same choices lead elsewhere");
        if goes_on.is_some() && chosen > 0 {
            self.left -= 1;
        }
        self.step += 1;
        Some(options[chosen])
    }

    fn next_u64(&mut self) -> u64 {
        0
    }
}
