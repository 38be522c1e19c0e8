<?php

namespace MediaWiki\Extension\Auwai;

use Psr\Log\LoggerInterface;
use Throwable;

/**
 * Jobs that this process has taken from the Auwai service to run them itself, as runJobs.php does,
 * and what it tells the service of each.
 *
 *   pop() ──▶ held ──▶ done()            core acknowledges it
 *              │ └───▶ ended( false )    it failed: the service tries again, after a delay
 *              └─────▶ the process ends: it failed, since PHP died in it
 *
 * Core tells a queue of success only; how a job ended is taken from its teardown. A failed job of a
 * class that forbids another try is acknowledged by core, and is done with that in its words.
 *
 * A process that is killed tells nothing: its jobs have failed when their time is up.
 *
 * One answer that the service did not give is asked for again, at the end of the process at last.
 * The service answers an end that it knows already as the first time.
 *
 * @license GPL-2.0-or-later
 */
class Claims {
	/** Shortest and longest time of the service for which a job can be taken, in seconds. */
	private const MIN_SECONDS = 1;
	private const MAX_SECONDS = 86400;

	private const MAX_ERROR = 8000;

	/** @var Client */
	private $client;

	/** @var Cause */
	private $cause;

	/** @var object HookContainer of core */
	private $hooks;

	/** @var LoggerInterface */
	private $logger;

	/** @var array[] Job id => claim, and of one that ended: verb, body; error of one that failed for good */
	private $held = [];

	/** @var int|null Process that has taken them: a fork of it has not */
	private $owner = null;

	/** @var Throwable|null The exception that was logged last while a job is held */
	private $thrown = null;

	/**
	 * @param Client $client
	 * @param Cause $cause
	 * @param object $hooks HookContainer of core
	 * @param LoggerInterface $logger
	 */
	public function __construct( Client $client, Cause $cause, $hooks, LoggerInterface $logger ) {
		$this->client = $client;
		$this->cause = $cause;
		$this->hooks = $hooks;
		$this->logger = $logger;
	}

	/**
	 * Takes the next job that may start now. One that cannot be made is dead, and the next one taken.
	 *
	 * @param string $queue
	 * @param string $wiki
	 * @param int $seconds After which the job has failed if nothing was told of it
	 * @return object|null A RunnableJob, or nothing
	 * @throws \JobQueueError If the service refuses
	 * @throws \JobQueueConnectionError If it does not answer
	 */
	public function pop( string $queue, string $wiki, int $seconds ) {
		$seconds = max( self::MIN_SECONDS, min( self::MAX_SECONDS, $seconds ) );
		$body = ParamCodec::json( [ 'wiki' => $wiki, 'limit' => 1, 'timeout' => "{$seconds}s",
			'worker' => Text::cut( php_uname( 'n' ) . ':' . getmypid(), 100 ) ] );
		// Whoever asks for the next job is through with the one before, told or not.
		$this->cause->set( '' );
		while ( true ) {
			$reply = $this->client->post( '/v1/queues/' . rawurlencode( $queue ) . '/claim', $body );
			$jobs = $reply->json()['jobs'] ?? null;
			if ( $reply->status !== 200 || !is_array( $jobs ) ) {
				throw self::error( "A job of type '$queue' cannot be taken from the Auwai service", $reply );
			}
			if ( !$jobs ) {
				return null;
			}
			$this->hold( $jobs[0] );
			try {
				$job = Payload::toJob( $jobs[0]['payload'] ?? null, (string)( $jobs[0]['request_id'] ?? '' ) );
			} catch ( Throwable $e ) {
				$this->tell( $jobs[0]['id'], 'fail', [ 'permanent' => true, 'class' => 'exception:' . get_class( $e ),
					'error' => "Job of type '$queue' cannot be made: " . get_class( $e ) . ': ' . $e->getMessage() ] );
				continue;
			}
			Payload::mark( $job, $jobs[0]['id'] );
			$this->watch( $job );
			$this->cause->set( (string)( $jobs[0]['cause'] ?? '' ) );
			return $job;
		}
	}

	/**
	 * @param string $id Of a job that is done. One that is not held, or not any more, is nothing to tell.
	 * @throws \JobQueueError If the service refuses
	 * @throws \JobQueueConnectionError If it does not answer
	 */
	public function done( string $id ): void {
		if ( !isset( $this->held[$id] ) ) {
			return;
		}
		$error = $this->held[$id]['error'] ?? null;
		$this->tell( $id, 'finish', $error === null ? []
			: [ 'message' => "not retried, since the job's class forbids it: $error" ] );
	}

	/** The process ends: what nothing was told of did not get to its end. */
	public function close(): void {
		if ( $this->owner !== getmypid() ) {
			return;
		}
		$last = error_get_last();
		$why = 'PHP ended in the job' . ( $last ? ": {$last['message']}" : '' );
		foreach ( $this->held as $id => $held ) {
			try {
				$this->tell( (string)$id, $held['verb'] ?? 'fail',
					$held['body'] ?? [ 'class' => 'crash', 'error' => $why ] );
			} catch ( \JobQueueError $e ) {
				$this->logger->warning( $e->getMessage() );
			}
		}
	}

	/**
	 * @param array $claimed
	 */
	private function hold( array $claimed ): void {
		if ( $this->owner !== getmypid() ) {
			if ( $this->owner === null ) {
				$this->hooks->register( 'LogException', function ( $e ): void {
					$this->note( $e );
				} );
			}
			$this->owner = getmypid();
			$this->held = [];
			register_shutdown_function( [ $this, 'close' ] );
		}
		$this->held[$claimed['id']] = [ 'claim' => (string)$claimed['claim'] ];
		$this->thrown = null;
	}

	/**
	 * Core has logged an exception: if it is what a job failed of, it says more than the job does.
	 *
	 * @param Throwable $e
	 */
	private function note( Throwable $e ): void {
		// PHP's warnings come this way too.
		if ( $this->held && !( $e instanceof \ErrorException ) ) {
			$this->thrown = $e;
		}
	}

	/**
	 * @param object $job A RunnableJob with its id
	 */
	private function watch( $job ): void {
		if ( !method_exists( $job, 'addTeardownCallback' ) ) {
			return;
		}
		$ended = function ( $status ) use ( $job ): void {
			if ( $status === false ) {
				$this->failed( $job );
			}
		};
		// The only way to hear of a failure: a job's teardown is its own, and this queue made the job.
		( function () use ( $ended ): void {
			$this->addTeardownCallback( $ended );
		} )->call( $job );
	}

	/**
	 * @param object $job
	 */
	private function failed( $job ): void {
		$id = (string)$job->getMetadata( 'id' );
		if ( !isset( $this->held[$id] ) ) {
			return;
		}
		$said = (string)$job->getLastError();
		$class = 'error';
		if ( $said === '' && $this->thrown ) {
			$said = get_class( $this->thrown ) . ': ' . $this->thrown->getMessage();
			$class = 'exception:' . get_class( $this->thrown );
		}
		$error = Text::cut( $said !== '' ? $said : 'The job returned false and gave no reason.', self::MAX_ERROR );
		if ( !$job->allowRetries() ) {
			$this->held[$id]['error'] = $error;
			return;
		}
		try {
			$this->tell( $id, 'fail', [ 'class' => $class, 'error' => $error ] );
		} catch ( \JobQueueError $e ) {
			// Core would only log it. It is told once more when the process ends.
			$this->logger->warning( $e->getMessage() );
		}
	}

	/**
	 * @param string $id
	 * @param string $verb
	 * @param array $body
	 * @throws \JobQueueError If the service refuses
	 * @throws \JobQueueConnectionError If it does not answer
	 */
	private function tell( string $id, string $verb, array $body ): void {
		foreach ( [ 'error', 'message' ] as $field ) {
			if ( isset( $body[$field] ) ) {
				$body[$field] = Text::cut( $body[$field], self::MAX_ERROR );
			}
		}
		$this->held[$id] = [ 'verb' => $verb, 'body' => $body ] + $this->held[$id];
		$this->cause->set( '' );
		$reply = $this->client->post( '/v1/jobs/' . rawurlencode( $id ) . "/$verb",
			ParamCodec::json( [ 'claim' => $this->held[$id]['claim'] ] + $body ) );
		if ( $reply->status === 200 || $reply->status === 404 || $reply->status === 409 ) {
			unset( $this->held[$id] );
			if ( $reply->status !== 200 ) {
				// Somebody else has it by now; core's queues are silent here as well.
				$this->logger->info( 'Job {id} was not held any more: {reply}', [ 'id' => $id, 'reply' => $reply->describe() ] );
			}
			return;
		}
		throw self::error( "How job $id ended could not be told to the Auwai service", $reply );
	}

	/**
	 * @param string $what
	 * @param Reply $reply
	 * @return \JobQueueError
	 */
	private static function error( string $what, Reply $reply ): \JobQueueError {
		$text = "$what: " . $reply->describe();
		if ( $reply->status === 401 || $reply->status === 403 ) {
			return new \JobQueueError( "$text. The token \$wgAuwaiToken needs the role run on this wiki." );
		}
		return $reply->status === 0 || $reply->status >= 500 || $reply->status === 429
			? new \JobQueueConnectionError( $text ) : new \JobQueueError( $text );
	}
}
