<?php

use PHPUnit\Framework\TestCase;

/**
 * One code base for MediaWiki 1.39 and later, read by PHP 7.4 and later: what later versions have
 * moved or dropped, and what PHP 7.4 cannot read, is not used.
 *
 * @coversNothing
 */
class VersionsTest extends TestCase {

	/** Global class names that later versions keep as aliases; aliases.php makes any that is gone. */
	private const ALIASED = [ 'JobQueue', 'JobQueueDB', 'JobQueueError', 'JobQueueConnectionError', 'EventRelayer' ];

	/** Global names used where the namespaced one does not exist, by file. */
	private const FALLBACKS = [ 'Compat.php' => [ 'Job', 'Throwable' ] ];

	/** Names outside the extension that hold from 1.39 to the current version. */
	private const STABLE = [
		'MediaWiki\\MediaWikiServices', 'MediaWiki\\Logger\\LoggerFactory', 'MediaWiki\\Http\\HttpRequestFactory',
		'MediaWiki\\Installer\\Hook\\LoadExtensionSchemaUpdatesHook',
		'MediaWiki\\Rest\\Handler', 'MediaWiki\\Rest\\RequestInterface', 'MediaWiki\\Rest\\Response', 'MediaWiki\\Rest\\StringStream',
		'Psr\\Log\\LoggerInterface',
		'Wikimedia\\Rdbms\\DBError', 'Wikimedia\\Rdbms\\DBConnectionError', 'Wikimedia\\Rdbms\\DBReadOnlyError',
		'Wikimedia\\Rdbms\\IDatabase', 'Wikimedia\\Rdbms\\ILBFactory',
		'InvalidArgumentException', 'JsonException', 'RuntimeException', 'Throwable',
		'Maintenance',
	];

	/** What some version from 1.40 on does not have, or PHP 7.4 cannot read. */
	private const FORBIDDEN = [
		'/->toSerializableArray\(/', '/->deduplicateRootJob\(/', '/->waitForBackups\(/', '/\bEnqueueJob\b/',
		'/\bwfGetDB\(/', '/\bwfGetLB\(/', '/\bwfWikiID\(/', '/->getMasterDB/', '/\bDB_MASTER\b/', '/->commitMasterChanges\(/',
		'/->getStatsdDataFactory\(/', '/\bObjectCache::/', '/->(wanCache|localClusterCache)\b/', '/\bgetBodyValidator\b/',
		'/\breadonly (public|private|protected|class)\b/', '/(public|private|protected) readonly\b/', '/^enum\b/m',
		'/\bmatch \(/', '/\?->/', '/\bstr_(starts|ends)_with\(|\bstr_contains\(|\barray_is_list\(/', '/^#\[/m',
		'/function __construct\([^)]*(private|protected|public) /s', '/: (static|mixed|never|int\|)/', '/\bnew \\\\?MultiHttpClient/',
	];

	public static function provideFiles(): array {
		$files = [];
		$root = dirname( __DIR__, 2 );
		foreach ( [ 'src', 'maintenance' ] as $folder ) {
			$all = new RecursiveIteratorIterator( new RecursiveDirectoryIterator( "$root/$folder", FilesystemIterator::SKIP_DOTS ) );
			foreach ( $all as $file ) {
				$files[substr( $file->getPathname(), strlen( $root ) + 1 )] = [ $file->getPathname() ];
			}
		}
		ksort( $files );
		return $files;
	}

	/**
	 * @dataProvider provideFiles
	 */
	public function testAFileUsesOnlyWhatAllVersionsHave( string $file ) {
		$text = self::withoutComments( file_get_contents( $file ) );
		preg_match_all( '/^use ([\w\\\\]+);/m', $text, $uses );
		foreach ( $uses[1] as $name ) {
			if ( strncmp( $name, 'MediaWiki\\Extension\\Auwai\\', 26 ) !== 0 ) {
				$this->assertContains( $name, self::STABLE, basename( $file ) );
			}
		}
		preg_match_all( '/(?<![\w\\\\\'"])\\\\([A-Z]\w*)/', $text, $globals );
		$allowed = array_merge( self::ALIASED, self::FALLBACKS[basename( $file )] ?? [], [ 'ErrorException', 'Exception', 'Iterator' ] );
		foreach ( $globals[1] as $name ) {
			$this->assertContains( $name, $allowed, basename( $file ) );
		}
		foreach ( self::FORBIDDEN as $pattern ) {
			$this->assertDoesNotMatchRegularExpression( $pattern, $text, basename( $file ) );
		}
	}

	public function testTheDriverDeclaresNoTypesForJobs() {
		foreach ( [ 'doAck', 'doDeduplicateRootJob', 'doIsRootJobOldDuplicate' ] as $name ) {
			$method = new ReflectionMethod( 'MediaWiki\\Extension\\Auwai\\JobQueueAuwai', $name );
			$this->assertNull( $method->getParameters()[0]->getType(), $name );
		}
	}

	public function testTheExtensionAsksForTheOldestVersionThatItServes() {
		$manifest = json_decode( file_get_contents( dirname( __DIR__, 2 ) . '/extension.json' ), true );
		$this->assertSame( '>= 1.39.0', $manifest['requires']['MediaWiki'] );
	}

	private static function withoutComments( string $code ): string {
		$text = '';
		foreach ( token_get_all( $code ) as $token ) {
			if ( !is_array( $token ) ) {
				$text .= $token;
			} elseif ( $token[0] !== T_COMMENT && $token[0] !== T_DOC_COMMENT ) {
				$text .= $token[1];
			}
		}
		return $text;
	}
}
