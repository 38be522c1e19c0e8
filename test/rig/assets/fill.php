<?php
// Makes the account and the pages of one wiki in one process, through MediaWiki's own page saving,
// so that links tables, search index and statistics are those of a real wiki; then runs what its
// queue holds. Used as: php fill.php --wiki=NAME --pages=N --user=NAME --password=TEXT --text=MARK

require_once getenv( 'MW_INSTALL_PATH' ) . '/maintenance/Maintenance.php';

use MediaWiki\MediaWikiServices;
use MediaWiki\Revision\SlotRecord;

class RigFill extends Maintenance {
	public function __construct() {
		parent::__construct();
		foreach ( [ 'pages', 'user', 'password', 'text' ] as $name ) {
			$this->addOption( $name, "see the head of this file", true, true );
		}
	}

	public function execute() {
		$services = MediaWikiServices::getInstance();
		$user = $services->getUserFactory()->newFromName( $this->getOption( 'user' ) );
		if ( !$user->isRegistered() ) {
			$status = $user->addToDatabase();
			if ( !$status->isOK() ) {
				$this->fatalError( $status->getWikiText( false, false, 'en' ) );
			}
		}
		$status = $user->changeAuthenticationData( [
			'username' => $user->getName(),
			'password' => $this->getOption( 'password' ),
			'retype' => $this->getOption( 'password' ),
		] );
		if ( !$status->isGood() ) {
			$this->fatalError( $status->getWikiText( false, false, 'en' ) );
		}
		foreach ( [ 'sysop', 'bot' ] as $group ) {
			$services->getUserGroupManager()->addUserToGroup( $user, $group );
		}
		SiteStatsUpdate::factory( [ 'users' => 1 ] )->doUpdate();

		$mark = $this->getOption( 'text' );
		$this->save( $user, 'Template:Inner', "<span class=\"rig\">$mark {{{1|}}}</span>" );
		$this->save( $user, 'Template:Outer', '<div>{{Inner|{{{1|}}}}}</div>' );
		$last = (int)$this->getOption( 'pages' );
		for ( $n = 1; $n <= $last; $n++ ) {
			$next = $n % $last + 1;
			$this->save( $user, "Page $n",
				"'''Page $n''' of the farm.\n\n{{Outer|number $n}}\n\nSee [[Page $next]].\n\n[[Category:Set " . $n % 7 . "]]" );
		}
		DeferredUpdates::doUpdates();
		$services->getJobRunner()->run( [ 'throttle' => false ] );
	}

	private function save( User $user, string $title, string $text ) {
		$page = MediaWikiServices::getInstance()->getWikiPageFactory()
			->newFromTitle( Title::newFromText( $title ) );
		$updater = $page->newPageUpdater( $user );
		$updater->setContent( SlotRecord::MAIN, ContentHandler::makeContent( $text, $page->getTitle() ) );
		$updater->saveRevision( CommentStoreComment::newUnsavedComment( 'made by the rig' ), EDIT_SUPPRESS_RC );
		if ( !$updater->wasSuccessful() && $updater->getStatus() ) {
			$this->fatalError( "$title: " . $updater->getStatus()->getWikiText( false, false, 'en' ) );
		}
	}
}

$maintClass = RigFill::class;
require_once RUN_MAINTENANCE_IF_MAIN;
