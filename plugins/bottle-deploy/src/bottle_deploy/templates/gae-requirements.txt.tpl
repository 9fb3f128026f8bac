bottle>=1,<2
bottle-server-gae>=1,<2
% if plan.server != 'wsgiref':
bottle-server-{{!plan.server}}>=1,<2
% end
% if included:
-r {{included}}
% end
