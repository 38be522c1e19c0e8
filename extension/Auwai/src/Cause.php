<?php

namespace MediaWiki\Extension\Auwai;

/**
 * The cause of what is pushed now: while a job runs, what the service sent with it; it goes back
 * with each job that is pushed meanwhile, so that the service knows which job made which. Its text
 * is the service's own and is not looked into.
 *
 * @license GPL-2.0-or-later
 */
class Cause {
	/** @var string '' while no job runs */
	private $text = '';

	/**
	 * @return string
	 */
	public function get(): string {
		return $this->text;
	}

	/**
	 * Sets the cause until it is set again: for jobs that others run.
	 *
	 * @param string $text '' when no job runs any more
	 */
	public function set( string $text ): void {
		$this->text = $text;
	}

	/**
	 * Sets the cause for as long as a function runs.
	 *
	 * @param string $text
	 * @param callable $work
	 * @return mixed What the function returns
	 */
	public function during( string $text, callable $work ) {
		$before = $this->text;
		$this->text = $text;
		try {
			return $work();
		} finally {
			$this->text = $before;
		}
	}
}
