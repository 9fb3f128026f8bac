# What the platform installs. The versions are those that were tried; newer ones come when you say so.
% for each in packages:
{{!each}}
% end
% if included:
-r {{included}}
% end
