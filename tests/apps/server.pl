# A server by Perl's Authen::SASL::Cyrus, and a client that logs in: MECHANISM LOGIN PASSWORD.
use strict;
use warnings;
use Authen::SASL qw(Cyrus);

my ($mechanism, $login, $password) = @ARGV;
my $server = Authen::SASL->new(mechanism => $mechanism, callback => {})->server_new('script', 'mail.domain.org');
if ($mechanism eq 'PLAIN') {
    $server->server_start("\0$login\0$password");
} else {
    $server->server_start('');
    $server->server_step($login);
    $server->server_step($password);
}
print $server->code == 0 ? 'logged in as ' . $server->property('user') : 'refused', "\n";
