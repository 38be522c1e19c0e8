<?php

use MediaWiki\MediaWikiServices;

/**
 * A job that does what its parameter "do" says, and notes that it ran in <folder>/ran.jsonl.
 */
class AuwaiTestJob extends Job implements GenericParameterJob {

	/**
	 * @param array $params
	 */
	public function __construct( array $params ) {
		if ( ( $params['do'] ?? '' ) === 'refuse to be made' ) {
			throw new InvalidArgumentException( 'not with these parameters' );
		}
		parent::__construct( 'auwaiTest', $params );
	}

	/** @inheritDoc */
	public function allowRetries() {
		return !( $this->params['once'] ?? false );
	}

	/** @inheritDoc */
	public function run() {
		file_put_contents( getenv( 'AUWAI_TEST_DIR' ) . '/ran.jsonl', json_encode( [
			'params' => base64_encode( serialize( $this->params ) ), 'request' => WebRequest::getRequestId(),
		] ) . "\n", FILE_APPEND );
		$do = 'do' . strtr( ucwords( $this->params['do'] ?? 'nothing' ), [ ' ' => '' ] );
		return $this->$do();
	}

	private function doNothing(): bool {
		return true;
	}

	private function doReturnNull(): ?bool {
		return null;
	}

	private function doFail(): bool {
		$this->setLastError( 'it would not' );
		return false;
	}

	private function doThrow(): bool {
		throw new RuntimeException( 'the job threw' );
	}

	private function doPrint(): bool {
		echo "printed\n{\"done\":true}\n";
		ob_start();
		echo 'and left a buffer open';
		return true;
	}

	private function doPrintAndExit(): bool {
		echo "{\"done\":true}\n";
		exit( 0 );
	}

	private function doKeepMemory(): bool {
		static $kept;
		// Of a limit of 64 MB more than 80 %, and less than all.
		$kept = str_repeat( 'x', ( 57 << 20 ) - memory_get_usage() );
		return true;
	}

	private function doExhaustMemory(): bool {
		$hog = [];
		while ( true ) {
			$hog[] = str_repeat( 'x', 1 << 20 );
		}
	}

	private function doWaitForFifo(): bool {
		return file_get_contents( getenv( 'AUWAI_TEST_DIR' ) . '/fifo' ) === 'go';
	}

	private function doHitReadOnly(): bool {
		throw new Wikimedia\Rdbms\DBReadOnlyError( null, 'the primary went read-only' );
	}

	private function doWriteAndPush(): bool {
		$dbw = MediaWikiServices::getInstance()->getDBLoadBalancer()->getConnection( DB_PRIMARY );
		$dbw->insert( 'updatelog', [ 'ul_key' => 'auwai-' . mt_rand() ], __METHOD__ );
		MediaWikiServices::getInstance()->getJobQueueGroup()->push(
			new JobSpecification( 'auwaiTest', [ 'child' => 1 ] ) );
		return true;
	}
}
