<?php

namespace MediaWiki\Extension\Auwai;

use Throwable;

require_once __DIR__ . '/aliases.php';

/**
 * Core's job queue in a database, opened to read the rows of its table as they are.
 *
 * Core's own iterators leave out types of jobs that the wiki does not know any more.
 *
 * @license GPL-2.0-or-later
 */
class JobTable extends \JobQueueDB {
	private const PAGE = 500;

	/**
	 * @param array $conf An entry of $wgJobTypeConf with the class JobQueueDB
	 * @param string $domain
	 * @return self
	 */
	public static function open( array $conf, string $domain ): self {
		unset( $conf['typeAgnostic'] );
		return new self( [ 'type' => 'null', 'domain' => $domain, 'idGenerator' => null ] + $conf );
	}

	/**
	 * @return iterable<array> All rows, in the order of their ids, as arrays by column
	 */
	public function rows(): iterable {
		$dbw = $this->getPrimaryDB();
		$last = 0;
		do {
			$found = 0;
			$res = $dbw->select( 'job', '*', [ 'job_id > ' . (int)$last ], __METHOD__,
				[ 'ORDER BY' => 'job_id', 'LIMIT' => self::PAGE ] );
			foreach ( $res as $row ) {
				$found++;
				$last = $row->job_id;
				yield (array)$row;
			}
		} while ( $found === self::PAGE );
	}

	/**
	 * What the class of a job says of duplicates, which its row does not tell.
	 *
	 * @param array $row
	 * @return array removes_duplicates (null if the job cannot be made), ignored_params
	 */
	public static function duplicates( array $row ): array {
		try {
			$params = $row['job_params'] === '' ? []
				: unserialize( $row['job_params'], [ 'allowed_classes' => false ] );
			$job = Compat::newJob( $row['job_cmd'],
				$params + [ 'namespace' => (int)$row['job_namespace'], 'title' => $row['job_title'] ] );
			$counted = $job->getDeduplicationInfo()['params'] ?? [];
			return [
				'removes_duplicates' => (bool)$job->ignoreDuplicates(),
				'ignored_params' => array_map( 'strval', array_keys( array_diff_key( $params, $counted ) ) ),
			];
		} catch ( Throwable $e ) {
			return [ 'removes_duplicates' => null, 'ignored_params' => [] ];
		}
	}
}
