<?php

namespace MediaWiki\Extension\Auwai;

use InvalidArgumentException;
use JsonException;
use MediaWiki\MediaWikiServices;
use RuntimeException;

require_once __DIR__ . '/aliases.php';

/**
 * Job queue that hands everything to the Auwai service, which runs the jobs itself.
 *
 *   $wgJobTypeConf['default'] = [ 'class' => JobQueueAuwai::class, 'typeAgnostic' => true ];
 *
 * Pushes never fail because the service is away: see Outbox. Sizes, lists and what pop() gives are
 * the service's own; when it does not tell them, an exception says so. A job that is popped is this
 * process's, under all limits of the service: see Claims. Twins and superseded root jobs are found
 * by the service, from the key and the root that each job carries.
 *
 * MediaWiki makes a new object for every call; what lasts is kept in services.
 *
 * @license GPL-2.0-or-later
 */
class JobQueueAuwai extends \JobQueue {
	/** Seconds for which a popped job is this process's, where the site says nothing: core's default. */
	private const CLAIM_SECONDS = 3600;

	/** @var string Job type that was asked for; the parent turns its own into "default" */
	private $asked;

	/**
	 * @param array $params
	 */
	protected function __construct( array $params ) {
		$this->asked = (string)$params['type'];
		// copyJobQueue.php gives none, and none is needed.
		parent::__construct( $params + [ 'idGenerator' => null ] );
	}

	/** @inheritDoc */
	protected function supportedOrders(): array {
		return [ 'fifo', 'timestamp', 'random', 'undefined' ];
	}

	/** @inheritDoc */
	protected function optimalOrder(): string {
		return 'fifo';
	}

	/** @inheritDoc */
	protected function supportsDelayedJobs(): bool {
		return true;
	}

	/** @inheritDoc */
	protected function supportsTypeAgnostic(): bool {
		return true;
	}

	/** @inheritDoc */
	protected function doBatchPush( array $jobs, $flags ): void {
		$services = MediaWikiServices::getInstance();
		/** @var ItemFactory $factory */
		$factory = $services->getService( 'Auwai.ItemFactory' );
		/** @var Outbox $outbox */
		$outbox = $services->getService( 'Auwai.Outbox' );
		$wiki = Compat::wikiId( $this->domain );
		$items = [];
		$types = [];
		foreach ( $jobs as $job ) {
			try {
				$items[] = $factory->job( $job, $wiki );
			} catch ( InvalidArgumentException | JsonException $e ) {
				throw new \JobQueueError( "Job '{$job->getType()}' cannot be queued: " . $e->getMessage() );
			}
			$types[$job->getType()] = ( $types[$job->getType()] ?? 0 ) + 1;
		}
		try {
			$outbox->add( $items );
		} catch ( RuntimeException $e ) {
			throw new \JobQueueError( $e->getMessage() );
		}
		self::counts()->forget();
		foreach ( $types as $type => $count ) {
			$this->incrStats( 'inserts', (string)$type, $count );
		}
	}

	/** @inheritDoc */
	protected function doPop() {
		$seconds = (int)$this->claimTTL ?: self::CLAIM_SECONDS;
		self::counts()->forget();
		$job = self::claims()->pop( $this->asked, Compat::wikiId( $this->domain ), $seconds );
		if ( !$job ) {
			return false;
		}
		$this->incrStats( 'pops', $this->asked );
		return $job;
	}

	/** @inheritDoc */
	protected function doAck( $job ): void {
		self::counts()->forget();
		self::claims()->done( (string)$job->getMetadata( 'id' ) );
		$this->incrStats( 'acks', $job->getType() );
	}

	/** @inheritDoc */
	protected function doDeduplicateRootJob( $job ): bool {
		// The service learned of the root with the push.
		return true;
	}

	/** @inheritDoc */
	protected function doIsRootJobOldDuplicate( $job ): bool {
		return false;
	}

	/** @inheritDoc */
	protected function doIsEmpty(): bool {
		return $this->doGetSize() === 0;
	}

	/** @inheritDoc */
	protected function doGetSize(): int {
		return $this->count( 'ready' );
	}

	/** @inheritDoc */
	protected function doGetDelayedCount(): int {
		return $this->count( 'delayed' ) + $this->count( 'blocked' );
	}

	/** @inheritDoc */
	protected function doGetAcquiredCount(): int {
		// Core's own queues count abandoned jobs here too, and showJobs.php subtracts them.
		return $this->count( 'running' ) + $this->count( 'dead' );
	}

	/** @inheritDoc */
	protected function doGetAbandonedCount(): int {
		return $this->count( 'dead' );
	}

	/** @inheritDoc */
	protected function doFlushCaches(): void {
		self::counts()->forget();
	}

	/** @inheritDoc */
	protected function doDelete(): void {
		self::lists()->purge( $this->asked, Compat::wikiId( $this->domain ) );
		self::counts()->forget();
	}

	/** @inheritDoc */
	public function getAllQueuedJobs() {
		return $this->jobs( [ 'ready' ] );
	}

	/** @inheritDoc */
	public function getAllDelayedJobs() {
		return $this->jobs( [ 'delayed', 'blocked' ] );
	}

	/** @inheritDoc */
	public function getAllAcquiredJobs() {
		return $this->jobs( [ 'running' ] );
	}

	/** @inheritDoc */
	public function getAllAbandonedJobs() {
		return $this->jobs( [ 'dead' ] );
	}

	/** @inheritDoc */
	public function getCoalesceLocationInternal(): ?string {
		return 'auwai:' . MediaWikiServices::getInstance()->getService( 'Auwai.Client' )->getServer();
	}

	/** @inheritDoc */
	protected function doGetSiblingQueuesWithJobs( array $types ): ?array {
		return array_keys( array_filter( $this->siblings( $types ) ) );
	}

	/** @inheritDoc */
	protected function doGetSiblingQueueSizes( array $types ): ?array {
		// Only what is really here: a zero would hide what another driver holds.
		return array_filter( $this->siblings( $types ) );
	}

	/**
	 * @param string[] $types
	 * @return int[] Type => ready jobs
	 */
	private function siblings( array $types ): array {
		$rows = self::counts()->forWiki( Compat::wikiId( $this->domain ) );
		$sizes = [];
		foreach ( $types as $type ) {
			$sizes[$type] = (int)( $rows[$type]['ready'] ?? 0 );
		}
		return $sizes;
	}

	private function count( string $field ): int {
		$rows = self::counts()->forWiki( Compat::wikiId( $this->domain ) );
		return (int)( $rows[$this->asked][$field] ?? 0 );
	}

	/**
	 * @param string[] $states
	 * @return \Iterator
	 */
	private function jobs( array $states ) {
		return self::lists()->jobs( $this->asked, Compat::wikiId( $this->domain ), $states );
	}

	private static function claims(): Claims {
		return MediaWikiServices::getInstance()->getService( 'Auwai.Claims' );
	}

	private static function lists(): JobLists {
		return MediaWikiServices::getInstance()->getService( 'Auwai.JobLists' );
	}

	private static function counts(): QueueCounts {
		return MediaWikiServices::getInstance()->getService( 'Auwai.QueueCounts' );
	}
}
