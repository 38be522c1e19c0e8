<?php

use MediaWiki\Extension\Auwai\Compat;
use MediaWiki\Extension\Auwai\JobTable;

/**
 * @covers \MediaWiki\Extension\Auwai\JobTable
 */
class JobTableTest extends AuwaiTestCase {

	private static function tableRows(): array {
		$rows = iterator_to_array( JobTable::open( [], Compat::currentDomain() )->rows(), false );
		return array_values( array_filter( $rows, static function ( $row ) {
			return $row['job_cmd'] === 'gone';
		} ) );
	}

	public function testRowsAreReadAsTheyAreAlsoOfTypesThatNobodyKnows() {
		// Core's table on PostgreSQL takes UTF-8 only.
		$params = [ 'text' => getenv( 'AUWAI_TEST_DB' ) === 'postgres' ? 'café' : "caf\xe9", 'n' => 1 ];
		$queue = JobQueue::factory( [ 'class' => 'JobQueueDB', 'type' => 'gone', 'domain' => Compat::currentDomain(), 'idGenerator' => null ] );
		$queue->push( [ new JobSpecification( 'gone', $params ) ] );
		try {
			$rows = self::tableRows();
			$this->assertCount( 1, $rows );
			$this->assertSame( serialize( $params ), $rows[0]['job_params'] );
			$this->assertNull( JobTable::duplicates( $rows[0] )['removes_duplicates'] );
		} finally {
			$queue->delete();
		}
		$this->assertSame( [], self::tableRows() );
	}

	public static function provideDuplicates(): array {
		return [
			'a leaf' => [ 'refreshLinks', [ 'pages' => [ 31 => [ 0, 'A' ] ], 'namespace' => 10, 'title' => 'Box' ], true, [] ],
			'a range' => [ 'refreshLinks', [ 'range' => [ 'start' => 1 ], 'namespace' => 10, 'title' => 'Box' ], false, [] ],
			'an ignored parameter' => [ 'categoryMembershipChange',
				[ 'pageId' => 5, 'revTimestamp' => '20260102030405' ], true, [ 'revTimestamp' ] ],
			'a purge' => [ 'cdnPurge', [ 'urls' => [ 'http://a.example/' ] ], false, [] ],
			'an unknown type' => [ 'gone', [], null, [] ],
		];
	}

	/**
	 * @dataProvider provideDuplicates
	 */
	public function testTheClassOfAJobSaysWhetherItRemovesDuplicates( $type, $params, $removes, $ignored ) {
		$said = JobTable::duplicates( [
			'job_cmd' => $type, 'job_namespace' => $params['namespace'] ?? -1, 'job_title' => $params['title'] ?? '',
			'job_params' => serialize( $params ),
		] );
		$this->assertSame( $removes, $said['removes_duplicates'] );
		$this->assertSame( $ignored, $said['ignored_params'] );
	}
}
